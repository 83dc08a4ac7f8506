"""The report as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from deepfake import figures
from deepfake.evaluation.document import EvaluationReport, ModelFigures, SetFigures
from deepfake.formatting import percent


def text(document: EvaluationReport) -> str:
    """Say what was measured; a warning comes first.

    Args:
        document: EvaluationReport. As of `report.build`.

    Returns:
        Lines.
    """
    lines = [f"Warning: {document.warning}", ""] if document.warning else []
    for data in document.sets:
        lines.append(f"{data.name}: {data.files:,} files, {data.note}")
    for model in document.models:
        for scores in model.sets:
            lines += ["", *_of_set(model, scores)]
        if model.pooled:
            lines += ["", f"{model.name}, one threshold ({model.threshold:.2f}) for all sets"]
            lines += _table(
                ("set", *(column.label for column in figures.POOLED_LINE)),
                [
                    (name, *(column.text(measured) for column in figures.POOLED_LINE))
                    for name, measured in model.rows()
                ],
            )
    return "\n".join(lines)


def _of_set(model: ModelFigures, scores: SetFigures) -> Iterator[str]:
    measured, left_out = scores.figures, scores.not_judged
    yield (
        f"{model.name} {model.version} on {scores.name}: {measured.reals:,} real and "
        f"{measured.fakes:,} fake faces judged"
    )
    if left_out.total:
        yield (f"  not judged: {left_out.told} (listed in scores.csv)")
    if measured.roc_auc is not None:
        said = [f"{column.short} {column.text(measured)}" for column in figures.LINE]
        yield f"  {', '.join(said)}"
    rates = [
        f"{column.said(measured)} of the {column.label}{column.edges(measured)}"
        for column in figures.RATES
        if column.value(measured) is not None
    ]
    if rates:
        yield f"  at threshold {model.threshold:.2f}: {', '.join(rates)}"
    if len(scores.tiers) > 1:
        yield from _table(
            ("  tier", "judged", *(column.short for column in figures.ROW)),
            [
                (
                    f"  {tier.name}",
                    str(tier.figures.reals + tier.figures.fakes),
                    *(column.text(tier.figures) for column in figures.ROW),
                )
                for tier in scores.tiers
            ],
        )
    yield from _table(
        ("  source", "label", "faces", "real", "uncertain", "fake", "above threshold"),
        [
            (
                f"  {row.source}",
                row.label,
                *(str(count) for count in (row.count, row.real, row.uncertain, row.fake)),
                percent(row.at_or_above_threshold),
            )
            for row in scores.sources
        ],
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    return [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in (head, *rows)
    ]
