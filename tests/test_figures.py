"""Figures are shown everywhere with the same words, and each new one is shown without more ado."""

import pytest
from pydantic import ValidationError

from deepfake import figures
from deepfake.figures import Figures, MainFigures, SampleFigures

COUNTS = {"real": 1, "uncertain": 0, "fake": 0}
MEASURED = Figures(
    reals=1,
    fakes=1,
    roc_auc=0.98765,
    roc_auc_95=(0.9, 1.0),
    average_precision=0.5,
    equal_error_rate=0.025,
    true_positive_rate_at_1_percent=None,
    true_positive_rate_at_5_percent=0.75,
    false_positive_rate=0.024,
    true_positive_rate=0.9,
    accuracy=0.9,
    balanced_accuracy=0.9,
    false_positive_rate_95=(0.016, 0.036),
    true_positive_rate_95=None,
    confusion={"real": COUNTS, "fake": COUNTS},
    confusion_at_threshold={"real": {"real": 1, "fake": 0}, "fake": {"real": 0, "fake": 1}},
    brier=0.1,
    ece=0.0199,
    ece_equal_classes=0.0155,
    equal_error_threshold=0.5227,
)
ALL = (*figures.RANKING, *figures.AT_THRESHOLD, *figures.CALIBRATION_IN_FULL)


def said(columns, measured=MEASURED):
    return {column.label: column.text(measured) for column in columns}


def test_a_figure_comes_with_its_interval_in_its_own_unit():
    assert said(figures.RANKING) == {
        "ROC-AUC": "0.988 (0.900–1.000)",
        "average precision": "0.500",
        "equal error rate": "2.5 %",
        "fakes caught at 1 % false positives": "–",
        "fakes caught at 5 % false positives": "75.0 %",
    }
    assert said(figures.RATES) == {
        "reals called fake": "2.4 % (1.6–3.6 %)",
        "fakes caught": "90.0 %",
    }


def test_tables_with_little_room_use_short_names():
    assert [column.short for column in figures.ROW] == [
        "ROC-AUC", "reals called fake", "fakes caught", "balanced",
    ]  # fmt: skip


def test_the_page_and_the_card_leave_no_figure_out():
    shown = {
        name
        for name, field in Figures.model_fields.items()
        if any(isinstance(one, figures.Shown) for one in field.metadata)
    }
    assert {column.name for column in ALL} == shown - {"equal_error_threshold"}
    assert "equal_error_threshold" in {column.name for column in figures.POOLED}


def test_a_small_sample_has_what_its_rows_show():
    kept = {name: getattr(MEASURED, name) for name in SampleFigures.model_fields}
    sample = SampleFigures(**kept)
    for columns in (figures.ROW, figures.GRID):
        assert said(columns, sample) == said(columns)


def test_the_manifest_repeats_figures_as_they_are():
    main = MainFigures.of(MEASURED)
    assert main.model_fields_set == set(MainFigures.model_fields)
    assert all(value == getattr(MEASURED, name) for name, value in main)


def test_a_misspelt_figure_is_refused():
    with pytest.raises(ValidationError, match="roc_acu"):
        Figures(**{**dict(MEASURED), "roc_acu": 0.5})
