"""The report as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from deepfake.formatting import interval, number, percent


def text(document: Mapping[str, Any]) -> str:
    """Say what was measured; a warning comes first.

    Args:
        document: mapping. As of `report.build`.

    Returns:
        Lines.
    """
    lines = [f"Warning: {document['warning']}", ""] if document["warning"] else []
    for data in document["sets"]:
        lines.append(f"{data['name']}: {data['files']:,} files, {data['note']}")
    for model in document["models"]:
        for scores in model["sets"]:
            lines += ["", *_of_set(model, scores)]
        if model["pooled"]:
            lines += ["", f"{model['name']}, one threshold ({model['threshold']:.2f}) for all sets"]
            rows = [*model["sets"], {"name": "all together", "figures": model["pooled"]}]
            lines += _table(
                ("set", "ROC-AUC", "reals called fake", "fakes caught", "errors are equal at"),
                [
                    (
                        row["name"],
                        number(row["figures"]["roc_auc"]),
                        percent(row["figures"]["false_positive_rate"]),
                        percent(row["figures"]["true_positive_rate"]),
                        number(row["figures"]["equal_error_threshold"], 2),
                    )
                    for row in rows
                ],
            )
    return "\n".join(lines)


def _of_set(model: Mapping[str, Any], scores: Mapping[str, Any]) -> Iterator[str]:
    figures, left_out = scores["figures"], scores["not_judged"]
    yield (
        f"{model['name']} {model['version']} on {scores['name']}: {figures['reals']:,} real and "
        f"{figures['fakes']:,} fake faces judged"
    )
    if sum(left_out.values()):
        yield (
            f"  not judged: {left_out['no_face']} without a face, {left_out['too_small']} too "
            f"small, {left_out['unreadable']} unreadable (listed in scores.csv)"
        )
    if figures["roc_auc"] is not None:
        yield (
            f"  ROC-AUC {number(figures['roc_auc'])}{interval(figures['roc_auc_95'])}, average "
            f"precision {number(figures['average_precision'])}, equal error rate "
            f"{percent(figures['equal_error_rate'])}, ECE {number(figures['ece'])}, Brier "
            f"{number(figures['brier'])}"
        )
    rates = []
    if figures["false_positive_rate"] is not None:
        rates.append(
            f"{percent(figures['false_positive_rate'])} of the reals called fake"
            f"{interval(figures['false_positive_rate_95'], shares=True)}"
        )
    if figures["true_positive_rate"] is not None:
        rates.append(
            f"{percent(figures['true_positive_rate'])} of the fakes caught"
            f"{interval(figures['true_positive_rate_95'], shares=True)}"
        )
    if rates:
        yield f"  at threshold {model['threshold']:.2f}: {', '.join(rates)}"
    if len(scores["tiers"]) > 1:
        yield from _table(
            ("  tier", "judged", "ROC-AUC", "reals called fake", "fakes caught", "balanced"),
            [_tier(tier) for tier in scores["tiers"]],
        )
    yield from _table(
        ("  source", "label", "faces", "real", "uncertain", "fake", "above threshold"),
        [
            (
                f"  {row['source']}",
                row["label"],
                str(row["count"]),
                *(str(row[word]) for word in ("real", "uncertain", "fake")),
                percent(row["at_or_above_threshold"]),
            )
            for row in scores["sources"]
        ],
    )


def _tier(tier: Mapping[str, Any]) -> tuple[str, ...]:
    figures = tier["figures"]
    return (
        f"  {tier['name']}",
        str(figures["reals"] + figures["fakes"]),
        number(figures["roc_auc"]),
        percent(figures["false_positive_rate"]),
        percent(figures["true_positive_rate"]),
        percent(figures["balanced_accuracy"]),
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
