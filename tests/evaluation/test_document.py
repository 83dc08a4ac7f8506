"""`report.json` is read back as what was written, also where an older version wrote it."""

import json

import pytest

from deepfake.errors import TrainingError
from deepfake.evaluation import report
from deepfake.evaluation.document import EvaluationReport
from tests import default_model

FOLDER = default_model.FOLDER / "evaluation"
WRITTEN = json.loads((FOLDER / "report.json").read_text(encoding="utf-8"))


def without(document, *names):
    return {name: value for name, value in document.items() if name not in names}


def test_a_report_is_written_again_as_it_was(tmp_path):
    text = (FOLDER / "report.json").read_text(encoding="utf-8")
    for name in ("report.json", *(drawing["file"] for drawing in WRITTEN["figures"])):
        (tmp_path / name).write_bytes((FOLDER / name).read_bytes())
    report.amend(tmp_path, {})
    assert (tmp_path / "report.json").read_text(encoding="utf-8") == text
    assert json.loads(report.read(tmp_path).as_json()) == WRITTEN


def test_older_reports_lack_what_they_lacked():
    (model,) = WRITTEN["models"]
    older = {
        **without(WRITTEN, "threshold_reached", "card"),
        "sets": [without(one, "labels") for one in WRITTEN["sets"]],
        "models": [{**model, "sets": [without(one, "edits") for one in model["sets"]]}],
        "protocols": [without(row, "network", "note") for row in WRITTEN["protocols"]],
    }
    read = EvaluationReport.model_validate(older)
    assert json.loads(read.as_json()) == older
    assert {row.network for row in read.protocols} == {"other"}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"format": 2}, "another version"),
        ({"threshold_rule": 7}, "no report in .*'threshold_rule'"),
        ({"models": [{"name": "x"}]}, r"no report in .*'models\.0\.version'"),
    ],
)
def test_another_file_gets_a_sentence_that_names_the_place(tmp_path, changed, said):
    (tmp_path / "report.json").write_text(json.dumps({**WRITTEN, **changed}))
    with pytest.raises(TrainingError, match=said):
        report.read(tmp_path)


def test_entries_are_checked_when_they_are_added():
    read = EvaluationReport.model_validate(WRITTEN)
    with pytest.raises(ValueError, match="held_out"):
        read.with_entries(protocols=[{"kind": "generator", "count": 1}])


def test_a_name_that_no_file_takes_is_spelt_out():
    read = EvaluationReport.model_validate(WRITTEN)
    row = {"held_out": "caf\udce9", "kind": "generator", "count": 1}
    assert read.with_entries(protocols=[row]).protocols[0].held_out == "caf\\udce9"
