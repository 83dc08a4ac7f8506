"""`deepfake verify`: what it confirms, and what it says of everything that is not the same."""

import json

import pytest

from deepfake.cli import main
from deepfake.record.making import rates_at


def verify(report, photo, *options):
    return main(["verify", str(report), str(photo), *options])


def test_a_report_of_detect_holds(portrait, other_portrait, tmp_path, capsys):
    page, report = tmp_path / "report.html", tmp_path / "report.json"
    arguments = ["detect", str(portrait), "--threshold", "0.3"]
    assert main([*arguments, "--report", str(page), "--report", str(report)]) == 0
    assert page.read_text().startswith("<!doctype html>")
    capsys.readouterr()
    assert verify(report, portrait) == 0
    said = capsys.readouterr().out
    assert "The report holds" in said and "threshold 0.30" in said
    assert verify(report, other_portrait) == 3
    said = capsys.readouterr().out
    assert "does not hold" in said and "This is another file" in said and "now " in said


def test_a_verdict_that_was_tried_on_changed_pictures_is_tried_so_again(portrait, tmp_path, capsys):
    page, report = tmp_path / "report.html", tmp_path / "report.json"
    arguments = ["detect", str(portrait), "--fragility", "--report", str(page)]
    assert main([*arguments, "--report", str(report)]) == 0
    assert "saved again as JPEG, quality 60" in page.read_text()
    assert verify(report, portrait) == 0
    document = json.loads(report.read_text())
    document["report"]["faces"][0]["variations"][1]["p_fake"] += 0.1
    report.write_text(json.dumps(document))
    capsys.readouterr()
    assert verify(report, portrait) == 3
    assert "Face 1, changed (jpeg_60): P(fake) was" in capsys.readouterr().out


def test_what_the_file_says_of_itself_is_read_again(portrait, tmp_path, capsys):
    report = tmp_path / "report.json"
    assert main(["detect", str(portrait), "--provenance", "--report", str(report)]) == 0
    assert verify(report, portrait) == 0
    document = json.loads(report.read_text())
    # Another list is no other file.
    document["report"]["provenance"]["trust_list_date"] = "2020-01-01"
    report.write_text(json.dumps(document))
    assert verify(report, portrait) == 0
    document["report"]["provenance"]["metadata"]["camera"] = "Leica M3"
    report.write_text(json.dumps(document))
    capsys.readouterr()
    assert verify(report, portrait) == 3
    assert "other things of itself than the report has: metadata." in capsys.readouterr().out


def test_a_report_of_a_version_that_knew_less_of_the_file_holds(other_portrait, tmp_path, capsys):
    report = tmp_path / "report.json"
    assert main(["detect", str(other_portrait), "--provenance", "--report", str(report)]) == 0
    document = json.loads(report.read_text())
    del document["report"]["provenance"]["jpeg"]["earlier_quality"]
    report.write_text(json.dumps(document))
    capsys.readouterr()
    assert verify(report, other_portrait) == 0
    document["report"]["provenance"]["jpeg"]["quality"] = 3
    report.write_text(json.dumps(document))
    assert verify(report, other_portrait) == 3
    assert "than the report has: jpeg." in capsys.readouterr().out


def test_the_limits_of_the_report_count_not_those_of_today(portrait, write, monkeypatch):
    monkeypatch.setenv("DEEPFAKE_MIN_FACE", "400")
    assert verify(write(), portrait) == 0


def score(document):
    document["report"]["faces"][0]["p_fake"] += 2e-6


def turned_to_fake(document):
    document["report"] |= {"verdict": "fake", "sentence": "Signs of manipulation found (93 %)"}


def sentence(document):
    document["report"]["sentence"] = "This photo is real beyond doubt"


def rates(document):
    document["error_rates"]["elsewhere"]["operating_point"]["false_positive_rate"] = 0.0


def own(document):
    document["own"]["verdict"] = "fake"


def own_sentence(document):
    document["own"]["sentence"] = "Signs of manipulation found (99 %)"


def moved(document):
    document["report"]["faces"][0]["box"][0] += 3


def no_faces(document):
    document["report"]["faces"] = []


def model(document):
    document["report"]["model"]["sha256"] = "0" * 64


def older(document):
    document["report"]["model"]["version"] = "1.3.0"


def picture(document):
    document["pictures"]["picture"] = document["pictures"]["faces"][0]["evidence"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (score, "Face 1: P(fake) was"),
        (turned_to_fake, "The report says “fake”"),
        (sentence, "The report's sentence was"),
        (rates, "error rates in the report are not those of this model"),
        (own_sentence, "At the model's own threshold the report says “real”"),
        (own, "At the model's own threshold the report says “fake”"),
        (moved, "Face 1 lies elsewhere"),
        (no_faces, "The report has 0 faces; 1 are found now"),
        (model, "This is another model."),
        (older, "the same weights but another model.json"),
        (picture, "The picture that the report shows is not this photo"),
    ],
)
def test_what_was_changed_is_named(portrait, write, capsys, change, said):
    assert verify(write(change), portrait) == 3
    assert said in capsys.readouterr().out


def hardly(document):
    document["report"]["faces"][0]["p_fake"] += 5e-7
    document["versions"]["deepfake"] = "0.0.7"
    document["news"] = "of a later version"


def test_what_does_not_matter_is_said_and_holds(portrait, write, capsys):
    assert verify(write(hardly), portrait) == 0
    assert "made with deepfake 0.0.7, checked with" in capsys.readouterr().out


def test_a_report_of_before_the_threshold_was_told_still_holds(detector, portrait, write, capsys):
    def before(document):
        # “Signs of manipulation found”, at 0, of any face.
        report = detector.detect(portrait).at(0.0)
        document["report"] = json.loads(json.dumps(report.to_dict()))
        document["report"]["sentence"] = report.plain_sentence
        document["error_rates"] = json.loads(json.dumps(rates_at(report.manifest, 0.0)))
        del document["own"]

    assert verify(write(before), portrait) == 0
    assert "Called fake at the threshold that was chosen" in capsys.readouterr().out


def test_another_version_of_the_document_is_told_from_garbage(portrait, write, capsys):
    assert verify(write(lambda document: document.update(record=2)), portrait) == 1
    assert "another version of deepfake has written it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"no json", "it is not JSON"),
        (b"\xff\xfe\x00", "it is not JSON"),
        (b"<!doctype html>", "it is a page for people"),
        (b"{}", "'record' is missing"),
        (b'{"record": 1, "report": {"p_fake": NaN}}', "is not a report of deepfake"),
        (b"[]", "holds 0 reports"),
    ],
)
def test_what_is_no_report_gets_a_sentence(portrait, tmp_path, capsys, content, said):
    path = tmp_path / "odd.json"
    path.write_bytes(content)
    assert verify(path, portrait) == 1
    assert said in capsys.readouterr().err
    assert verify(tmp_path / "missing.json", portrait) == 1
    assert "cannot be read" in capsys.readouterr().err


def test_of_the_history_that_the_page_exports_the_photo_s_own_report_counts(
    recorded, portrait, other_portrait, tmp_path, capsys
):
    path = tmp_path / "history.json"
    path.write_text(json.dumps([{**recorded, "pictures": None}]))
    assert verify(path, portrait) == 0
    assert verify(path, other_portrait) == 1
    assert "none is of this photo" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--report", "report.pdf"], "is a .html or a .json file"),
        (["examples", "--report", "a.html"], "2 photos are named"),
        (["--report", "a.html", "--model", "a", "--model", "b"], "2 models are named"),
        (["--report", "/proc/no/report.html"], "cannot be written"),
    ],
)
def test_a_report_that_cannot_be_made_is_refused_before_any_work(
    portrait, other_portrait, capsys, arguments, said
):
    arguments = [str(other_portrait) if a == "examples" else a for a in arguments]
    assert main(["detect", str(portrait), *arguments]) == 1
    assert said in capsys.readouterr().err


def test_a_report_never_replaces_the_photo(portrait, tmp_path, capsys):
    photo = tmp_path / "photo.json"
    photo.write_bytes(portrait.read_bytes())
    assert main(["detect", str(photo), "--report", str(photo)]) == 1
    assert "would replace the photo" in capsys.readouterr().err
    assert photo.read_bytes() == portrait.read_bytes()
