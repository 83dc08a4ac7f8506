"""The report on a data set as text."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from deepfake.data_check.check import DataReport, counted
from deepfake.data_check.shortcuts import MAX_AUC
from deepfake.datasets.samples import CLASSES, SPLITS
from deepfake.formatting import printable

SHOWN = 5
INDENT = "  "
WIDTH = 100


def as_text(report: DataReport) -> str:
    """The report for people to read in a terminal.

    Args:
        report: DataReport.

    Returns:
        Lines of at most about a hundred characters.
    """
    total = len(report.dataset.samples)
    lines = [
        report.dataset.address,
        f"{INDENT}Layout      {report.dataset.layout}",
        f"{INDENT}Labels      {report.dataset.describe_words()}",
        f"{INDENT}Files       {total:,}, of which {report.read:,} can be read",
        *(f"{INDENT}Note        {note}" for note in report.dataset.notes),
        "",
        *_counts(report),
        "",
        *_sizes(report),
        *_listed("Unreadable", "file", "", [f"{path}: {why}" for path, why in report.unreadable]),
        *_duplicates(report),
        *_leaks(report),
        "",
        *_shortcuts(report),
        "",
    ]
    if not report.warnings:
        return str(printable("\n".join([*lines, "No warnings."])))
    lines.append(counted(len(report.warnings), "warning"))
    lines += [
        textwrap.fill(
            warning, WIDTH, initial_indent=f"{INDENT}! ", subsequent_indent=f"{INDENT}  ",
            break_long_words=False, break_on_hyphens=False,
        )
        for warning in report.warnings
    ]  # fmt: skip
    return str(printable("\n".join(lines)))


def _counts(report: DataReport) -> Iterable[str]:
    splits = [s for s in SPLITS if any(split == s for split, _, _ in report.counts)]
    rows: list[Sequence[str]] = [("", "", *splits, "all")]
    for word in CLASSES:
        sources = sorted({source for _, label, source in report.counts if label == word})
        by_source = [
            [report.counts.get((split, word, source), 0) for split in splits] for source in sources
        ]
        if sources != [word]:
            rows += [
                (word, source, *(f"{n:,}" for n in row), f"{sum(row):,}")
                for source, row in zip(sources, by_source, strict=True)
            ]
        sums = [sum(column) for column in zip(*by_source, strict=True)] or [0] * len(splits)
        rows.append(
            (word, "" if sources == [word] else "all", *(f"{n:,}" for n in sums), f"{sum(sums):,}")
        )
    return _table(rows, left=2)


def _sizes(report: DataReport) -> Iterable[str]:
    for label, sides in report.sizes.items():
        told = ", ".join(
            f"{side} {low:,}–{high:,} (median {middle:,})"
            for side, (low, middle, high) in sides.items()
        )
        formats = ", ".join(f"{kind} {count:,}" for kind, count in report.formats[label].items())
        yield f"{INDENT}{label.capitalize():<12}{told} pixels; {formats}"


def _duplicates(report: DataReport) -> Iterable[str]:
    for kind, title in (("exact", "Same bytes"), ("near", "Look alike")):
        twins = [t for t in report.twins if t.kind == kind]
        # Those that spoil a test first.
        twins.sort(key=lambda t: (-len(t.splits), -len(t.labels)))
        yield from _listed(
            title,
            "picture",
            " more than once",
            [
                f"{' = '.join(t.files[:3])}{' …' if len(t.files) > 3 else ''} "
                f"({', '.join(t.splits)}; {', '.join(t.labels)})"
                for t in twins
            ],
        )


def _leaks(report: DataReport) -> Iterable[str]:
    return _listed(
        "Group leaks",
        "group",
        " in more than one split",
        [
            f"{group}: {', '.join(f'{count:,} in {split}' for split, count in splits.items())}"
            for group, splits in report.leaks.items()
        ],
    )


def _shortcuts(report: DataReport) -> Iterable[str]:
    before, after = report.before, report.after
    if before is None:
        return ["Shortcut test: not made, too few pictures or groups."]
    rows: list[Sequence[str]] = [
        ("", "as files", "after our preprocessing"),
        ("all together", _auc(before.auc), _auc(after.auc) if after else "not made"),
    ]
    for name, auc in sorted(before.features.items(), key=lambda item: -item[1]):
        later = after.features.get(name) if after else None
        rows.append((name, _auc(auc), "-" if later is None else _auc(later)))
    return [
        "Shortcut test: ROC-AUC of a trivial model that does not look at faces, cross-validated",
        f"on {before.reals:,} real and {before.fakes:,} fake pictures. Chance is 0.50; more than "
        f"{MAX_AUC} after preprocessing is a warning.",
        *_table(rows, left=1),
    ]


def _auc(value: float) -> str:
    return f"{value:.2f}"


def _listed(title: str, noun: str, rest: str, items: Sequence[str]) -> Iterable[str]:
    if not items:
        yield f"{INDENT}{title:<12}none"
        return
    yield f"{INDENT}{title:<12}{counted(len(items), noun)}{rest}"
    for item in items[:SHOWN]:
        yield f"{INDENT}{'':<12}{item}"
    if len(items) > SHOWN:
        yield f"{INDENT}{'':<12}… and {len(items) - SHOWN:,} more (all are in --json)"


def _table(rows: Sequence[Sequence[str]], left: int) -> Iterable[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = [
            cell.ljust(width) if column < left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield f"{INDENT}{'  '.join(cells)}".rstrip()
