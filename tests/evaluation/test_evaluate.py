"""`deepfake evaluate` from the command line, with the default model, on real pictures."""

import csv
import json
import shutil

import pytest
from PIL import Image, ImageFilter

from deepfake import Detector, imaging
from deepfake.cli import main
from deepfake.evaluation import robustness
from tests import default_model

pytestmark = pytest.mark.slow

DEFAULT = default_model.FOLDER
QUICK = ["--grid", "0", "--edits", "0", "--no-tiers"]


def rows_of(folder):
    with (folder / "scores.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_scores_are_those_of_serving(evaluated, photos, detector):
    judged = [row for row in rows_of(evaluated) if row["p_fake"]]
    assert len(judged) == 5
    for row in judged:
        report = detector.detect(photos / row["path"])
        assert float(row["p_fake"]) == pytest.approx(report.p_fake, abs=1e-6)
        assert (row["verdict"], int(row["faces"])) == (report.verdict, len(report.faces))


def test_files_that_cannot_be_judged_are_counted_and_listed(evaluated):
    errors = {row["path"]: row["error"] for row in rows_of(evaluated) if row["error"]}
    assert errors["real/coffee.png"] == "no face found"
    assert "text file" in errors["fake/swaps/broken.jpg"]
    (scores,) = json.loads((evaluated / "report.json").read_text())["models"][0]["sets"]
    assert scores["not_judged"] == {
        "no_face": 1,
        "too_small": 0,
        "too_large": 0,
        "too_dark": 0,
        "too_bright": 0,
        "drawing": 0,
        "unreadable": 1,
    }
    assert (scores["figures"]["reals"], scores["figures"]["fakes"]) == (2, 3)
    page = (evaluated / "report.html").read_text()
    assert "real/coffee.png" in page and "fake/swaps/broken.jpg" in page


def test_each_reason_for_not_judging_is_counted_by_its_name(portrait, tmp_path, capsys):
    data, out = tmp_path / "data", tmp_path / "out"
    photo = Image.fromarray(imaging.read(portrait).pixels[:512])
    (data / "fake").mkdir(parents=True)
    shutil.copy(portrait, data / "fake")
    (data / "real").mkdir()
    photo.filter(ImageFilter.CONTOUR).save(data / "real" / "drawn.png")
    photo.point([value // 40 for value in range(256)] * 3).save(data / "real" / "dark.png")
    photo.resize((photo.width // 8, photo.height // 8)).save(data / "real" / "small.png")
    assert main(["evaluate", str(data), "-o", str(out), *QUICK]) == 0
    assert "1 too small, 1 too dark, 1 drawn, painted or sculpted" in capsys.readouterr().out
    errors = {row["path"]: row["error"] for row in rows_of(out) if row["error"]}
    assert "too dark" in errors["real/dark.png"] and "drawn" in errors["real/drawn.png"]
    assert "1 too dark" in (out / "report.html").read_text()


def test_all_files_are_used_without_splits_and_it_says_so(evaluated):
    (data,) = json.loads((evaluated / "report.json").read_text())["sets"]
    assert data["files"] == 7 and "not divided into splits" in data["note"]


def test_only_the_split_that_was_asked_for_is_judged(photos, portrait, tmp_path):
    for split in ("train", "test"):
        for label in ("real", "fake"):
            path = tmp_path / "data" / split / label / f"{split}.png"
            path.parent.mkdir(parents=True)
            shutil.copy(portrait, path)
    out = tmp_path / "out"
    assert main(["evaluate", str(tmp_path / "data"), "-o", str(out), *QUICK]) == 0
    assert {row["path"] for row in rows_of(out)} == {"test/real/test.png", "test/fake/test.png"}


@pytest.mark.parametrize("inside", ["real", ""])
def test_reals_alone_give_a_false_positive_rate_only(portrait, tmp_path, inside):
    real = tmp_path / "data" / "real"
    real.mkdir(parents=True)
    shutil.copy(portrait, real)
    place = str(tmp_path / "data" / inside)
    assert main(["evaluate", place, "-o", str(tmp_path / "out"), *QUICK]) == 0
    document = json.loads((tmp_path / "out" / "report.json").read_text())
    figures = document["models"][0]["sets"][0]["figures"]
    assert figures["roc_auc"] is None and figures["true_positive_rate"] is None
    assert figures["false_positive_rate"] in (0.0, 1.0)
    assert not (tmp_path / "out" / "roc.png").exists()


def test_the_threshold_option_moves_the_verdicts(photos, tmp_path):
    options = [str(photos), "-o", str(tmp_path / "out"), *QUICK, "--threshold", "0"]
    assert main(["evaluate", *options]) == 0
    assert {row["verdict"] for row in rows_of(tmp_path / "out") if row["p_fake"]} == {"fake"}


def test_the_model_of_the_setting_is_the_one_that_is_measured(
    photos, tmp_path, capsys, monkeypatch
):
    monkeypatch.setenv("DEEPFAKE_MODEL", str(tmp_path / "mine"))
    assert main(["evaluate", str(photos), "-o", str(tmp_path / "out"), *QUICK]) == 1
    assert "mine" in capsys.readouterr().err


def test_swapped_labels_are_said_in_the_first_lines(photos, tmp_path, capsys):
    swapped = tmp_path / "swapped"
    shutil.copytree(photos / "real", swapped / "fake")
    shutil.copytree(photos / "fake", swapped / "real")
    out = tmp_path / "out"
    assert main(["evaluate", str(swapped), "-o", str(out), *QUICK]) == 0
    assert "label order looks swapped" in capsys.readouterr().out.splitlines()[0]
    assert "label order looks swapped" in (out / "report.json").read_text().splitlines()[0]
    body = (out / "report.html").read_text().split("<body>")[1]
    assert "label order looks swapped" in body.strip().splitlines()[0]


def test_models_and_sets_are_put_into_one_table(photos, tmp_path, capsys):
    other = tmp_path / "other"
    shutil.copytree(photos, other)
    out = tmp_path / "out"
    command = ["evaluate", str(photos), str(other), "--model", "default", "--model", "default"]
    assert main([*command, "-o", str(out), *QUICK]) == 0
    assert "all together" in capsys.readouterr().out
    document = json.loads((out / "report.json").read_text())
    assert [model["name"] for model in document["models"]] == ["default", "default (2)"]
    titles = [figure["title"] for figure in document["figures"]]
    assert titles[0] == "ROC, all sets together"
    for model in document["models"]:
        first, second = (scores["figures"] for scores in model["sets"])
        assert model["pooled"]["reals"] == first["reals"] + second["reals"] == 4
    assert len(rows_of(out)) == 2 * 2 * 7


def test_json_is_the_report(photos, tmp_path, capsys):
    assert main(["evaluate", str(photos), "-o", str(tmp_path / "out"), *QUICK, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    written = json.loads((tmp_path / "out" / "report.json").read_text())
    assert printed == written


def test_a_limit_draws_from_each_class(photos, tmp_path):
    out = tmp_path / "out"
    assert main(["evaluate", str(photos), "-o", str(out), *QUICK, "--limit", "1"]) == 0
    assert sorted(row["label"] for row in rows_of(out)) == ["fake", "real"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["no/such/folder"], "no/such/folder"),
        (["{photos}", "--model", "no/such"], "no model"),
        (["{photos}", "--threshold", "2"], "between 0 and 1"),
        (["{photos}", "--limit", "0"], "--limit"),
        (["{photos}", "--seed", "-1"], "--seed"),
        (["{photos}", "-o", "{photos}/real/coffee.png"], "is a file"),
        (["{photos}/empty"], "empty"),
    ],
)
def test_bad_input_ends_with_a_sentence(photos, tmp_path, capsys, options, expected):
    (photos / "empty").mkdir(exist_ok=True)
    given = [option.format(photos=photos) for option in options]
    assert main(["evaluate", "-o", str(tmp_path / "out"), *QUICK, *given]) == 1
    assert expected in capsys.readouterr().err


def test_pictures_without_any_face_end_with_a_sentence(faceless, tmp_path, capsys):
    (tmp_path / "real").mkdir()
    shutil.copy(faceless, tmp_path / "real")
    assert main(["evaluate", str(tmp_path), "-o", str(tmp_path / "out"), *QUICK]) == 1
    assert "no face found (1)" in capsys.readouterr().err


def test_a_name_that_is_not_utf8_is_spelt_out(portrait, tmp_path, capsys):
    folder = tmp_path / "caf\udce9" / "real"
    folder.mkdir(parents=True)
    shutil.copy(portrait, folder / "face\udce9.png")
    (folder / "broken\udce9.png").write_bytes(b"no picture")
    out = tmp_path / "out"
    for options in ([], ["--json"]):
        assert main(["evaluate", str(folder.parent), "-o", str(out), *QUICK, *options]) == 0
        assert "\\udce9" in capsys.readouterr().out
    document = json.loads((out / "report.json").read_text(encoding="utf-8"))
    (left_out,) = document["models"][0]["sets"][0]["not_judged_files"]
    assert left_out["path"] == "real/broken\\udce9.png"
    assert left_out["path"] in (out / "report.html").read_text(encoding="utf-8")
    assert left_out["path"] in {row["path"] for row in rows_of(out)}


def test_names_with_signs_of_a_formula_are_drawn(two, tmp_path):
    folder = tmp_path / "_cheap ${5 to $9"
    shutil.copytree(two, folder)
    out = tmp_path / "out"
    options = ["--no-tiers", "--grid", "4"]
    assert main(["evaluate", str(folder), str(folder), "-o", str(out), *options]) == 0
    assert (out / "robustness-1-2.png").is_file()


def test_how_labels_were_understood_is_said_before_and_in_the_report(photos, tmp_path, capsys):
    assert main(["evaluate", str(photos), "-o", str(tmp_path / "out"), *QUICK]) == 0
    said = capsys.readouterr().err
    assert "“real” is real, “fake” is fake" in said and "3 real and 4 fake" in said
    (data,) = json.loads((tmp_path / "out" / "report.json").read_text())["sets"]
    assert data["labels"] == "“real” is real, “fake” is fake"
    assert "Labels: “real” is real" in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.parametrize(("name", "expected"), [("deepfake", 1), ("0_real", 0)])
def test_sub_folders_of_one_class_need_a_plain_name(portrait, tmp_path, capsys, name, expected):
    for inside in ("good", "bad"):
        path = tmp_path / name / inside / "face.png"
        path.parent.mkdir(parents=True)
        shutil.copy(portrait, path)
    arguments = ["evaluate", str(tmp_path / name), "-o", str(tmp_path / "out"), *QUICK]
    assert main(arguments) == expected
    said = capsys.readouterr().err
    assert ("good/" in said) if expected else ("“0_real” is real" in said)


def test_an_odd_picture_costs_only_itself(two, tmp_path):
    shutil.copytree(two, tmp_path / "photos")
    Image.new("RGB", (70_000, 2)).save(tmp_path / "photos" / "real" / "long.png")
    out = tmp_path / "out"
    options = ["--grid", "0", "--edits", "0"]
    assert main(["evaluate", str(tmp_path / "photos"), "-o", str(out), *options]) == 0
    (scores,) = json.loads((out / "report.json").read_text())["models"][0]["sets"]
    assert (scores["figures"]["reals"], scores["figures"]["fakes"]) == (1, 1)
    assert any(row["path"] == "real/long.png" and row["error"] for row in rows_of(out))


def test_a_raised_limit_on_pixels_holds_for_delivered_pictures(portrait, tmp_path, monkeypatch):
    (tmp_path / "real").mkdir()
    with Image.open(portrait) as image:
        image.convert("RGB").resize((7000, 7000)).save(tmp_path / "real" / "large.jpg", quality=60)
    monkeypatch.setenv("DEEPFAKE_MAX_PIXELS", "60000000")
    detector = Detector()
    picture = imaging.read(tmp_path / "real" / "large.jpg", detector.settings)
    sharp = robustness.Delivery("x", quality=40)
    assert robustness.deliver(picture, sharp, None, detector.settings).width == 7000


@pytest.mark.parametrize("broken", ["output", "history"])
def test_what_would_break_the_report_is_noticed_before_scoring(faceless, tmp_path, capsys, broken):
    """Scoring, which finds no face, would end the command with another sentence."""
    model, out = tmp_path / "model", tmp_path / "out"
    shutil.copytree(DEFAULT, model)
    if broken == "history":
        (model / "history.csv").write_text("epoch,loss\n0,much\n")
    else:
        (out / ".part-report.json").mkdir(parents=True)
    (tmp_path / "real").mkdir()
    shutil.copy(faceless, tmp_path / "real")
    options = ["--model", str(model), "-o", str(out), *QUICK]
    assert main(["evaluate", str(tmp_path / "real"), *options]) == 1
    expected = "not the history" if broken == "history" else "cannot be written"
    assert expected in capsys.readouterr().err


def test_figures_of_an_earlier_report_do_not_stay(photos, tmp_path):
    out = tmp_path / "out"
    assert main(["evaluate", str(photos), "-o", str(out), *QUICK]) == 0
    (out / "mine.png").write_bytes(b"")
    assert (out / "roc.png").is_file()
    assert main(["evaluate", str(photos / "real"), "-o", str(out), *QUICK]) == 0
    assert not (out / "roc.png").exists() and (out / "mine.png").is_file()
