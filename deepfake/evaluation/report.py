"""Scores → `report.json`, `scores.csv`, the figures and `report.html`."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

import deepfake
from deepfake.errors import TrainingError
from deepfake.evaluation import html, metrics, plots, robustness
from deepfake.evaluation.document import (
    FORMAT,
    CellFigures,
    Drawing,
    EditFigures,
    EvaluationReport,
    ModelFigures,
    NotJudged,
    NotJudgedFile,
    SetDescription,
    SetFigures,
    TierFigures,
)
from deepfake.evaluation.evaluator import ModelScores, SetScores
from deepfake.evaluation.scoring import NO_FACE, FileScore, Judged
from deepfake.figures import Figures
from deepfake.formatting import printable

JSON_FILE, CSV_FILE, HTML_FILE = "report.json", "scores.csv", "report.html"
SWAPPED_BELOW = 0.3
# How a face that is not judged is counted, by what hinders.
WAYS = {
    "small": "too_small",
    "large": "too_large",
    "dark": "too_dark",
    "burnt_out": "too_bright",
    "drawing": "drawing",
}


def build(models: Sequence[ModelScores]) -> EvaluationReport:
    """Compute every figure.

    Args:
        models: sequence of ModelScores. All of the same sets.

    Returns:
        The report, but for what is drawn and what a training adds.
    """
    described = tuple(_describe_model(model) for model in models)
    return EvaluationReport(
        warning=_warning(described),
        format=FORMAT,
        deepfake=deepfake.__version__,
        sets=tuple(
            SetDescription(
                name=scores.data.name,
                note=scores.data.note,
                labels=scores.data.labels,
                files=len(scores.data.samples),
            )
            for scores in models[0].sets
        ),
        models=described,
        blends=(),
        protocols=(),
    )


def prepare(folder: Path, histories: Mapping[str, Path] | None = None) -> None:
    """Try whatever could keep a report from being written, before hours go into its scores.

    Args:
        folder: Path. Where the report is to go; made if needed.
        histories: mapping. As of `write`.

    Raises:
        TrainingError: the folder cannot be written, or a history is no such table.
    """
    for history in (histories or {}).values():
        plots.read_history(history)
    trial = folder / f".part-{JSON_FILE}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        trial.write_bytes(b"{}")
        trial.unlink()
    except OSError as error:
        raise _unwritable(folder, error) from error


def write(
    document: EvaluationReport,
    models: Sequence[ModelScores],
    folder: Path,
    histories: Mapping[str, Path] | None = None,
) -> EvaluationReport:
    """Write report, scores, figures and page into a folder; files of an earlier one are replaced.

    Args:
        document: EvaluationReport. As of `build`.
        models: sequence of ModelScores. Which it was built from.
        folder: Path. Made if needed.
        histories: mapping. Name of a model → `history.csv` of its training run.

    Returns:
        The report with what was drawn, as it was written.

    Raises:
        TrainingError: the folder cannot be written, or a history is no such table.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _remove_figures(folder)
        figures = _draw(document, models, folder)
        for name, history in (histories or {}).items():
            for path in plots.history(history, folder, _prefix(name, models)):
                figures.append((f"Training of {name}", path))
        _write_scores(models, folder / CSV_FILE)
        named = tuple(Drawing(title=title, file=path.name) for title, path in figures)
        complete = document.with_entries(figures=named)
        _write_document(complete, folder)
    except OSError as error:
        raise _unwritable(folder, error) from error
    return complete


def read(folder: Path) -> EvaluationReport:
    """Read `report.json`.

    Args:
        folder: Path. Which `write` wrote into.

    Raises:
        TrainingError: it is missing or is no report.
    """
    path = folder / JSON_FILE
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["format"] != FORMAT:
            raise TrainingError(f"{path} was written by another version. Evaluate again.")
        return EvaluationReport.model_validate(document)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(
            f"There is no report in {folder} ({_explain(error)}). Write one with "
            "`deepfake evaluate`."
        ) from error


def amend(folder: Path, extras: Mapping[str, Any]) -> EvaluationReport:
    """Add entries to a report, such as "protocols" that were measured later.

    Args:
        folder: Path. Which `write` wrote into.
        extras: mapping. Entries to add or replace.

    Returns:
        The report, as it was written.

    Raises:
        TrainingError: there is no report.
    """
    document = read(folder).with_entries(**extras)
    _write_document(document, folder)
    return document


def _explain(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors()[0]
    return f"'{'.'.join(str(part) for part in first['loc'])}': {first['msg']}"


def _unwritable(folder: Path, error: OSError) -> TrainingError:
    return TrainingError(
        f"The report cannot be written to {folder}: {error.strerror}. Name another folder."
    )


def _remove_figures(folder: Path) -> None:
    """Remove the figures of an earlier report: what it drew may not be drawn again."""
    try:
        names = [drawing.file for drawing in read(folder).figures]
    except TrainingError:
        return
    for name in names:
        # Only what `write` itself can have written; the file may say anything.
        if name == Path(name).name and name.endswith(".png"):
            (folder / name).unlink(missing_ok=True)


def _write_document(document: EvaluationReport, folder: Path) -> None:
    # A warning is in the first line.
    text = document.as_json(indent=1).replace("{\n ", "{", 1)
    (folder / JSON_FILE).write_text(text + "\n", encoding="utf-8")
    (folder / HTML_FILE).write_text(html.page(document, folder), encoding="utf-8")


def _describe_model(model: ModelScores) -> ModelFigures:
    pooled = None
    if len(model.sets) > 1:
        pooled = _figures(model, [score for scores in model.sets for score in scores.clean])
    return ModelFigures(
        name=model.name,
        version=model.manifest.version,
        sha256=model.sha256,
        architecture=model.manifest.architecture,
        calibrated_on=model.manifest.calibration.fitted_on,
        threshold=model.threshold,
        uncertain_band=model.band,
        latency=model.latency,
        sets=tuple(_describe_set(model, scores) for scores in model.sets),
        pooled=pooled,
    )


def _describe_set(model: ModelScores, scores: SetScores) -> SetFigures:
    clean = Judged.of(scores.clean)
    tiers = {tier.name: tier for tier in robustness.TIERS}
    sources = metrics.by_source(
        clean.p_fake, clean.labels, clean.sources, model.threshold, model.band
    )
    return SetFigures(
        name=scores.data.name,
        figures=_figures(model, scores.clean),
        not_judged=_not_judged(scores.clean),
        not_judged_files=tuple(
            NotJudgedFile(path=_relative(score, scores), error=score.error)
            for score in scores.clean
            if score.error
        ),
        sources=tuple(sources),
        tiers=tuple(
            TierFigures(
                name=name,
                **tiers[name].describe(),
                figures=_figures(model, rows),
                not_judged=_not_judged(rows),
            )
            for name, rows in scores.tiers.items()
        ),
        grid=tuple(
            CellFigures(**delivery.describe(), **_sample(rows, model.threshold))
            for delivery, rows in scores.grid
        ),
        edits=tuple(
            EditFigures(**delivery.edit.describe(), **_sample(rows, model.threshold))
            for delivery, rows in scores.edits
            if delivery.edit
        ),
    )


def _figures(model: ModelScores, rows: Sequence[FileScore]) -> Figures:
    judged = Judged.of(rows)
    return metrics.summarise(judged.p_fake, judged.labels, model.threshold, model.band)


def _sample(rows: Sequence[FileScore], threshold: float) -> dict[str, Any]:
    """The few figures that a small sample can bear."""
    judged = Judged.of(rows)
    return {
        "reals": int((judged.labels == 0).sum()),
        "fakes": int((judged.labels == 1).sum()),
        "roc_auc": metrics.area(judged.p_fake, judged.labels),
        **metrics.at_threshold(judged.p_fake, judged.labels, threshold),
        "not_judged": _not_judged(rows).total,
    }


def _not_judged(rows: Sequence[FileScore]) -> NotJudged:
    ways = Counter(_way(row) for row in rows if row.error)
    return NotJudged(**{way: ways[way] for way in NotJudged.model_fields})


def _way(row: FileScore) -> str:
    if row.error == NO_FACE:
        return "no_face"
    return WAYS[row.reasons[0]] if row.faces else "unreadable"


def _warning(models: Sequence[ModelFigures]) -> str | None:
    swapped = [
        f"{model.name} on {scores.name} (ROC-AUC {area:.3f})"
        for model in models
        for scores in model.sets
        for area in [scores.figures.roc_auc]
        if area is not None and area < SWAPPED_BELOW
    ]
    if not swapped:
        return None
    return (
        f"The label order looks swapped for {' and '.join(swapped)}: reals score higher than "
        "fakes. Look at “labels” in the model's model.json, and at which of your folders holds "
        "the fakes."
    )


def _write_scores(models: Sequence[ModelScores], path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["model", "set", "path", "label", "source", "p_fake", "verdict", "faces", "error"]
        )
        for model in models:
            for scores in model.sets:
                writer.writerows(
                    [
                        model.name,
                        scores.data.name,
                        _relative(row, scores),
                        ("real", "fake")[row.label],
                        row.source,
                        "" if row.p_fake is None else repr(row.p_fake),
                        row.verdict,
                        row.faces,
                        row.error,
                    ]
                    for row in scores.clean
                )


def _relative(row: FileScore, scores: SetScores) -> str:
    """The path within the set: where the set lies is nobody's business but its owner's."""
    path, folder = row.path, scores.data.folder
    inside = path.relative_to(folder) if path.is_relative_to(folder) else path
    return str(printable(inside.as_posix()))


def _draw(
    document: EvaluationReport, models: Sequence[ModelScores], folder: Path
) -> list[tuple[str, Path]]:
    """The figures that the scores allow, with their titles."""
    # Scores of all sets make one curve; it must not be taken for that of any of them.
    together = ", all sets together" if len(models[0].sets) > 1 else ""
    pooled = [
        plots.Series(
            model.name + together,
            Judged.of([score for scores in model.sets for score in scores.clean]),
            model.threshold,
            model.band,
        )
        for model in models
    ]
    judged = [series for series in pooled if len(series.judged.labels)]
    both = [series for series in judged if len(np.unique(series.judged.labels)) == 2]
    figures: list[tuple[str, Path]] = []
    for title, name, draw, series in (
        ("ROC", "roc.png", plots.roc, both),
        ("Confusion matrix", "confusion.png", plots.confusion, judged),
        ("Reliability", "reliability.png", plots.reliability, both),
        ("Scores", "histogram.png", plots.histogram, judged),
    ):
        if series:
            draw(series, folder / name)
            figures.append((title + together, folder / name))
    single = len(document.models) * len(document.sets) == 1
    for number, model in enumerate(document.models, 1):
        for place, scores in enumerate(model.sets, 1):
            if any(cell.balanced_accuracy is not None for cell in scores.grid):
                path = folder / f"robustness{'' if single else f'-{number}-{place}'}.png"
                title = f"{model.name} on {scores.name}"
                plots.robustness(scores.grid, title, path)
                figures.append((f"Robustness of {title}", path))
    return figures


def _prefix(name: str, models: Sequence[ModelScores]) -> str:
    if len(models) == 1:
        return ""
    return f"{[model.name for model in models].index(name) + 1}-"
