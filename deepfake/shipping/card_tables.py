"""What a report measured → the tables of the model card and the README."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence

from deepfake import figures, verdict
from deepfake.evaluation.document import (
    BlendFigures,
    CellFigures,
    EditFigures,
    LeftOut,
    SourceFigures,
    TierFigures,
)
from deepfake.figures import Figures
from deepfake.formatting import NOTHING, interval, number, percent
from deepfake.manifest import ModelManifest

# Of the report, within the folder of the model.
FOLDER = "evaluation"
TIERS = {
    "clean": "as it is",
    "web": "as on the web (longer side ≤ 768 px, JPEG quality 60)",
    "hard": "worse (≤ 512 px, JPEG quality 40)",
}
# By `network` of a row: whether the network of the card was itself trained without the source.
LEFT_OUT = {
    "this": "This very network was trained without these sources and tested on them",
    "other": "Other networks like this one, trained without these sources and tested on them",
}
EXPECT = (
    ": what to expect of photos and generators from elsewhere. Fakes are told from test reals of "
    "the sources that were not left out, unless a note says otherwise.\n\n"
)


def test(measured: Figures) -> str:
    """Every figure on the test, a line each, and the verdicts in counts.

    Args:
        measured: Figures. Of a set of the report.

    Returns:
        Markdown.
    """
    columns = {
        **{column.label: column for column in figures.RANKING},
        **{f"at the threshold: {column.label}": column for column in figures.AT_THRESHOLD},
        **{column.label: column for column in figures.CALIBRATION},
    }
    rows = [(label, column.text(measured)) for label, column in columns.items()]
    confusion = [
        (f"is {word}", str(counts.real), str(counts.uncertain), str(counts.fake))
        for word, counts in measured.confusion
    ]
    return "\n".join(
        [
            table(("", "test"), rows),
            table(("", "called real", "uncertain", "called fake"), confusion),
        ]
    )


def tiers(measured: Sequence[TierFigures]) -> str:
    """Each tier's figures.

    Args:
        measured: sequence of TierFigures. Of a set of the report.

    Returns:
        Markdown.
    """
    heads = [column.label + (" (95 %)" if column.interval else "") for column in figures.CARD_ROW]
    return table(
        ("test pictures", "real", "fake", *heads),
        [
            (
                TIERS[tier.name],
                str(tier.figures.reals),
                str(tier.figures.fakes),
                *(column.text(tier.figures) for column in figures.CARD_ROW),
            )
            for tier in measured
        ],
    )


def sources(measured: Sequence[SourceFigures], label: str) -> str:
    """How each source of one class was judged.

    Args:
        measured: sequence of SourceFigures. Of a set of the report.
        label: str. "real" or "fake".

    Returns:
        Markdown; "" where there are none.
    """
    rows = [row for row in measured if row.label == label]
    if not rows:
        return ""
    title = "real photos from" if label == "real" else "fakes from"
    auc = () if label == "real" else ("ROC-AUC against all reals",)
    return table(
        (title, "faces", "called real", "uncertain", "called fake", "at or above the threshold",
         *auc),
        [
            (
                row.source,
                *(str(count) for count in (row.count, row.real, row.uncertain, row.fake)),
                percent(row.at_or_above_threshold)
                + interval(row.at_or_above_threshold_95, shares=True),
                *(number(row.roc_auc) for _ in auc),
            )
            for row in rows
        ],
    )  # fmt: skip


def grid(cells: Sequence[CellFigures]) -> str:
    """The robustness grid.

    Args:
        cells: sequence of CellFigures. Of a set of the report.

    Returns:
        Markdown; "" where there are none.
    """
    if not cells:
        return ""
    faces = cells[0].reals + cells[0].fakes
    columns = list(dict.fromkeys(cell.jpeg_quality for cell in cells))
    rows: dict[tuple[float, int | None], list[str]] = {}
    for cell in cells:
        values = [number(column.value(cell), 2) for column in figures.GRID]
        rows.setdefault((cell.blur, cell.face_side), []).append(" / ".join(values))
    return (
        f"{' / '.join(column.label for column in figures.GRID)} on {faces} of the test faces, "
        "first scaled, then blurred, then compressed. A difference of a few hundredths means "
        "nothing with so few.\n\n"
        + table(
            ("blur σ", "face side", *(f"JPEG {q}" if q else "no JPEG" for q in columns)),
            [
                (f"{blur:g} px" if blur else "none", f"≤ {side} px" if side else "as is", *values)
                for (blur, side), values in rows.items()
            ],
        )
        + f"\n![Robustness grid]({FOLDER}/robustness.png)\n"
    )


def edits(measured: Sequence[EditFigures]) -> str:
    """Figures of edited pictures.

    Args:
        measured: sequence of EditFigures. Of a set of the report.

    Returns:
        Markdown; "" where there are none.
    """
    if not measured:
        return ""
    pictures = measured[0].reals + measured[0].fakes + measured[0].not_judged
    return (
        f"Light, contrast and colour of {pictures:,} test pictures changed with Pillow, before any "
        "face was looked for; “clarity” is an unsharp mask with a wide radius. None of these "
        "edits is a forgery.\n\n"
        + table(
            ("edit", "not judged", *(column.label for column in figures.ROW)),
            [
                (row.name, str(row.not_judged), *(column.text(row) for column in figures.ROW))
                for row in measured
            ],
        )
    )


def blends(measured: Sequence[BlendFigures]) -> str:
    """Forgeries by kind.

    Args:
        measured: sequence of BlendFigures. Of the report.

    Returns:
        Markdown; "" where there are none.
    """
    if not measured:
        return ""
    return (
        "Forged by this project's own code from the real faces of the test, and told from these "
        "very faces; not the work of deepfake software, which leaves other traces.\n\n"
        + table(
            ("forgery", "fakes", "ROC-AUC (95 %)", "called real", "uncertain", "called fake"),
            [
                (
                    row.source.replace("_", " "),
                    str(row.count),
                    number(row.roc_auc) + interval(row.roc_auc_95),
                    *(str(count) for count in (row.real, row.uncertain, row.fake)),
                )
                for row in measured
            ],
        )
    )


def elsewhere(manifest: ModelManifest) -> str:
    """How often the model is wrong on sources that the training was without.

    Args:
        manifest: ModelManifest. With `operating_points_elsewhere`.

    Returns:
        Markdown; "" where that was not measured.
    """
    measured = manifest.operating_points_elsewhere
    point = verdict.operating_point(manifest, manifest.threshold, elsewhere=True)
    if measured is None or point is None:
        return ""
    worst = measured.worst_real_source
    rows = [
        ("real faces", measured.real_sources, measured.reals,
         f"{percent(point.false_positive_rate)} called fake"),
        *([(f"… the worst source, {worst.name}", 1, worst.reals,
            f"{percent(worst.false_positive_rate)} called fake")] if worst else []),
        ("fakes", measured.fake_sources, measured.fakes,
         f"{percent(point.true_positive_rate)} caught"),
        *((f"… {kind}", of.sources, of.fakes, f"{percent(of.true_positive_rate)} caught")
          for kind, of in measured.by_kind.items()),
    ]  # fmt: skip
    return (
        f"**What to expect elsewhere**, at the threshold of {point.threshold:.2f}: "
        f"{plain(measured.measured_on)}. Rates are means over sources, in which a source weighs as "
        "many faces as it has, at most 20; the worst source is of those with 20 faces or more.\n\n"
        + table(
            ("", "sources", "faces", "result"),
            [(name, str(sources), f"{faces:,}", said) for name, sources, faces, said in rows],
        )
        + "\n"
    )


def reasons(manifest: ModelManifest) -> str:
    """How often the model is wrong on faces that a reason of its reports weakens.

    Args:
        manifest: ModelManifest. With `reason_error_rates`.

    Returns:
        Markdown; "" where that was not measured.
    """
    if not manifest.reason_error_rates:
        return ""
    rows = [
        (reason, f"{of.reals:,}", percent(of.false_positive_rate), f"{of.fakes:,}",
         percent(of.true_positive_rate))
        for reason, of in manifest.reason_error_rates.items()
    ]  # fmt: skip
    return (
        "The same of faces whose verdict a reason weakens; a report names the reason and these "
        "rates.\n\n"
        + table(("reason", "real faces", "called fake", "fakes", "caught"), rows)
        + "\n"
    )


def protocols(rows: Sequence[LeftOut]) -> str:
    """What was left out of training.

    Args:
        rows: sequence of LeftOut. Of the report.

    Returns:
        Markdown; "" where there are none.
    """
    parts = []
    for network, sentence in LEFT_OUT.items():
        members = [_protocol(row) for row in rows if row.network == network]
        if members:
            head = ("left out", "kind", "faces", "result", "note")
            parts.append(sentence + EXPECT + table(head, members))
    return "\n".join(parts)


def _protocol(row: LeftOut) -> tuple[str, ...]:
    if row.auc is not None:
        figure = f"ROC-AUC {number(row.auc)}{interval(row.auc_95)}"
        figure += f"; {percent(row.caught)} caught"
    elif row.false_positive_rate is not None:
        figure = percent(row.false_positive_rate)
        figure += interval(row.false_positive_rate_95, shares=True)
        figure += " called fake"
    else:
        figure = NOTHING
    kind = row.kind.replace("_", " ")
    return row.held_out, kind, str(row.count), figure, row.note or NOTHING


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table.

    Args:
        head: sequence of str. Markdown.
        rows: sequence of sequence of str. Plain text, such as the names of sources.

    Returns:
        Markdown.
    """

    def lines() -> Iterator[str]:
        yield "| " + " | ".join(head) + " |"
        yield "|" + "---|" * len(head)
        for row in rows:
            yield "| " + " | ".join(plain(cell).replace("|", "\\|") for cell in row) + " |"

    return "\n".join(lines()) + "\n"


def plain(text: str) -> str:
    """Text that somebody chose, such as the name of a folder, as Markdown that shows just it.

    Args:
        text: str. Anything.

    Returns:
        One line without HTML, links, pictures or code.
    """
    return re.sub(r"([\\`\[\]])", r"\\\1", html.escape(" ".join(text.split()), quote=False))
