"""What verdicts on clips are worth, from scores that are made up so that the answer is known."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest

from deepfake.detector import Detector
from deepfake.errors import TrainingError
from deepfake.manifest import ModelManifest
from deepfake.shipping import clips
from deepfake.shipping.clips import Judged
from deepfake.video.aggregation import logits, mean_logit
from deepfake.video.detector import VideoDetector
from tests.conftest import EXAMPLES
from tests.video.clips import film


def made(label, middle, fold, kind="", frames=16, spread=0.3):
    """A clip of one person whose logits lie about a middle."""
    random = np.random.default_rng([label, round(100 * middle) + 10_000, int(fold)])
    p_fakes = 1 / (1 + np.exp(-random.normal(middle, spread, frames)))
    return Judged(label, kind, fold, (tuple(p_fakes.tolist()),))


@pytest.fixture
def manifest(detector):
    return detector.model.manifest


def test_each_clip_is_judged_with_the_calibration_of_other_folds(manifest):
    """Two folds whose scores lie elsewhere: their own calibration would tell all clips apart."""
    found = [made(label, 2.0 * label + shift + 0.01 * n, fold)
             for fold, shift in (("0", 0.0), ("1", 6.0))
             for label in (0, 1) for n in range(6)]  # fmt: skip
    figures = clips.measure(found, manifest, "mean_logit", "made-up clips")
    # Of the fold that lies higher all are fake by what the lower one taught, of the other none.
    assert figures.all.reals_called_fake == 6
    assert figures.all.fakes_caught == 6
    assert figures.all.fakes_called_real == 6
    assert (figures.all.reals, figures.all.fakes) == (12, 12)


def test_kinds_are_told_apart_and_one_fake_stretch_is_not_enough(manifest):
    found = []
    for n in range(8):
        fold = str(n % 2)
        found += [made(0, -3 + 0.1 * n, fold, "CRF 23"), made(1, 3 + 0.1 * n, fold, "CRF 23")]
        found += [made(0, -3 + 0.1 * n, fold, "CRF 40")]
        real, fake = made(0, -3 + 0.1 * n, fold).people[0], made(1, 14, fold).people[0]
        # A quarter looks as fake as can be, the rest real: on the whole that is fake, too.
        found.append(Judged(1, "CRF 40", fold, ((*fake[:4], *(0.3 for _ in real[4:])),)))
    figures = clips.measure(found, manifest, "top_k", "made-up clips")
    sharp, soft = figures.by_kind
    assert (sharp.kind, sharp.fakes_caught, sharp.roc_auc) == ("CRF 23", 8, 1.0)
    assert (soft.kind, soft.fakes_caught, soft.roc_auc) == ("CRF 40", 0, 1.0)


def test_one_class_is_not_enough(manifest):
    assert clips.measure([made(1, 2, "0")], manifest, "median", "fakes alone") is None


def test_a_table_is_measured_once_and_what_it_says_stands_beside_the_verdict(
    detector, tmp_path, capsys
):
    rows = []
    for number, (label, photo) in enumerate(
        [("fake", "fake_swap_collins.jpg"), ("real", "eileen_collins.png")]
    ):
        path = film(tmp_path / f"{number}.mp4", [EXAMPLES / photo], 2.0)
        rows.append({"path": path.name, "label": label, "rate": "CRF 20"})
    table = tmp_path / "clips.csv"
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    kept = tmp_path / "scores.jsonl"
    model = EXAMPLES.parent / "models" / "default"
    found = clips.judge(table, model, "", kept)
    assert [clip.label for clip in found] == [1, 0]
    assert all(len(clip.people[0]) >= 10 for clip in found)
    capsys.readouterr()
    assert clips.judge(table, model, "", kept) == found
    assert capsys.readouterr().out == ""  # nothing was judged again
    figures = clips.measure(found * 2, detector.model.manifest, "mean_logit", "two films")

    told = json.loads(detector.model.manifest.model_dump_json()) | {"clips": figures.model_dump()}
    manifest = ModelManifest.model_validate(told)
    assert json.loads(manifest.model_dump_json())["clips"]["measured_on"] == "two films"
    with_clips = Detector(replace(detector.model, manifest=manifest), settings=detector.settings)
    report = VideoDetector(with_clips).detect(tmp_path / "0.mp4")
    assert report.to_dict()["error_rates"]["all"]["reals"] == 2
    assert "two films" in report.rates_sentence
    assert not any("not been measured" in note for note in report.notes)
    # The calibration of clips was applied to the people, not to the faces.
    (person,) = report.people
    plain = logits([mean_logit([s.face.p_fake for s in person.judged])])[0]
    wanted = np.clip(plain / figures.temperature + figures.bias, -16, 16)
    assert logits([person.p_fake])[0] == pytest.approx(wanted, abs=1e-3)
    # For another threshold or aggregation nothing is known.
    for other in (
        VideoDetector(with_clips, "median"),
        VideoDetector(Detector(with_clips.model, threshold=0.6, settings=detector.settings)),
    ):
        report = other.detect(tmp_path / "1.mp4")
        assert report.clips is None and report.rates_sentence == ""
        assert any("not been measured" in note for note in report.notes)


def test_a_table_without_labels_is_said_in_a_sentence(tmp_path):
    table = tmp_path / "clips.csv"
    table.write_text("path,label\na.mp4,unsure\n")
    with pytest.raises(TrainingError, match="columns path and label"):
        clips.judge(table, tmp_path, "", tmp_path / "scores.jsonl")
