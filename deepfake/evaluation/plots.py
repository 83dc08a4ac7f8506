"""Figures as PNG files.

They must be readable in black and white and for colour-blind eyes: colours of Okabe & Ito (2008),
and always a second sign (line style, marker, hatch or a number). matplotlib's object interface is
used, since its `pyplot` is not safe between threads.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, PercentFormatter
from sklearn.metrics import roc_auc_score, roc_curve

from deepfake.errors import TrainingError
from deepfake.evaluation import metrics
from deepfake.evaluation.document import CellFigures
from deepfake.evaluation.scoring import Judged
from deepfake.figures import GRID

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
LINES = ("-", "--", "-.", ":", (0, (6, 1, 1, 1, 1, 1)), (0, (1, 3)), (0, (8, 3)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
REAL_COLOUR, FAKE_COLOUR = "#0072B2", "#D55E00"
# From here on the cells of a colour map are so dark that their numbers are written in white.
DARK_CELL = 0.5
DPI = 130
COLUMNS = 2
SMALLEST_RATE = 1e-3
# A bin of the reliability diagram with fewer faces is drawn hollow.
FEW_FACES = 10


@dataclass(frozen=True)
class Series:
    """One model's scores, to be drawn.

    Attributes:
        name: str. For the legend.
        judged: Judged. Scores and labels.
        threshold: float. P(fake) from which on a face counts as fake.
        band: (low, high). The uncertain band.
    """

    name: str
    judged: Judged
    threshold: float
    band: tuple[float, float]


def roc(series: Sequence[Series], path: Path) -> None:
    """ROC curves of all models, with the part that matters (few false positives) enlarged.

    Args:
        series: sequence of Series. Each with both classes.
        path: Path. The PNG.
    """
    figure = _figure(6.2, 6.4 + 0.22 * len(series))
    axes = figure.add_subplot()
    inset = axes.inset_axes((0.38, 0.12, 0.58, 0.55))
    for index, one in enumerate(series):
        labels, p_fake = one.judged.labels, one.judged.p_fake
        false_rates, true_rates, _ = roc_curve(labels, p_fake)
        look = _look(index)
        name = f"{as_text(one.name)}: AUC {roc_auc_score(labels, p_fake):.3f}"
        axes.plot(false_rates, true_rates, label=name, **look)
        steps = np.maximum(false_rates, SMALLEST_RATE)
        inset.plot(steps, true_rates, drawstyle="steps-post", **look)
        at = [(p_fake[labels == value] >= one.threshold).mean() for value in (0, 1)]
        for place in (axes, inset):
            place.plot(
                max(at[0], SMALLEST_RATE), at[1], MARKERS[index % len(MARKERS)],
                color=look["color"], markeredgecolor="black", markersize=8,
                label="at its threshold" if place is axes and index == 0 else None,
            )  # fmt: skip
    axes.plot([0, 1], [0, 1], color="#888888", linewidth=1, linestyle=(0, (1, 2)))
    axes.set(
        xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal",
        xlabel="reals called fake (false positives)", ylabel="fakes caught (true positives)",
    )  # fmt: skip
    inset.set_xscale("log")
    inset.set(xlim=(SMALLEST_RATE, 1), ylim=(-0.01, 1.02))
    inset.set_title("the same, few false positives enlarged", fontsize=8)
    inset.set_xticks([0.001, 0.01, 0.05, 0.2, 1], ["0.1 %", "1 %", "5 %", "20 %", "100 %"])
    inset.minorticks_off()
    inset.tick_params(labelsize=8)
    inset.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    for rate in metrics.LOW_FALSE_POSITIVE_RATES:
        inset.axvline(rate, color="black", linewidth=0.9, linestyle=":")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    figure.legend(loc="outside lower center", frameon=False)
    _save(figure, path)


def confusion(series: Sequence[Series], path: Path) -> None:
    """What reals and fakes were called, the uncertain band included.

    Args:
        series: sequence of Series.
        path: Path. The PNG.
    """
    figure, panels = _panels(len(series), 4.6, 3.0)
    for one, axes in zip(series, panels, strict=True):
        p_fake, labels = one.judged.p_fake, one.judged.labels
        called = [metrics.verdict_counts(p_fake[labels == label], one.band) for label in (0, 1)]
        counts = np.array([(row.real, row.uncertain, row.fake) for row in called])
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        for (row, column), share in np.ndenumerate(shares):
            axes.text(
                column, row, f"{100 * share:.1f} %\n{counts[row, column]}", ha="center",
                va="center", fontsize=11, color="white" if share > DARK_CELL else "black",
            )  # fmt: skip
        low, high = one.band
        axes.set_xticks(
            range(3), [f"real\nbelow {low:.2f}", "uncertain", f"fake\n{high:.2f} and above"]
        )
        axes.set_yticks(range(2), [f"real\n({counts[0].sum()})", f"fake\n({counts[1].sum()})"])
        axes.set(xlabel="called", ylabel="is", title=as_text(one.name))
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
    _save(figure, path)


def reliability(series: Sequence[Series], path: Path) -> None:
    """Predicted P(fake) against the share of fakes that there were.

    Args:
        series: sequence of Series. Each with both classes.
        path: Path. The PNG.
    """
    columns = min(COLUMNS, len(series))
    rows = -(-len(series) // columns)
    figure = _figure(5.4 * columns, 5.8 * rows)
    grid = figure.add_gridspec(2 * rows, columns, height_ratios=[4, 1] * rows)
    for index, one in enumerate(series):
        place = 2 * (index // columns), index % columns
        axes = figure.add_subplot(grid[place])
        below = figure.add_subplot(grid[place[0] + 1, place[1]], sharex=axes)
        p_fake, labels = one.judged.p_fake, one.judged.labels
        points = metrics.reliability(p_fake, labels)
        ece = metrics.expected_calibration_error(p_fake, labels)
        axes.plot([0, 1], [0, 1], color="#888888", linestyle=(0, (1, 2)), label="perfect")
        for predicted, observed, _, count in points:
            interval = metrics.wilson(round(observed * count), count)
            if interval:
                axes.plot([predicted] * 2, interval, color=COLOURS[0], linewidth=1.2)
        axes.plot(
            [row[0] for row in points],
            [row[1] for row in points],
            color=COLOURS[0],
            linewidth=0.8,
            label=f"{as_text(one.name)}: ECE {ece:.3f}",
        )
        for few, fill, label in (
            (False, COLOURS[0], None),
            (True, "white", f"fewer than {FEW_FACES} faces"),
        ):
            rows_of = [row for row in points if (row[3] < FEW_FACES) == few]
            if rows_of:
                axes.plot(
                    [row[0] for row in rows_of], [row[1] for row in rows_of], "o",
                    color=COLOURS[0], markerfacecolor=fill, markersize=7, label=label,
                )  # fmt: skip
        axes.set(xlim=(0, 1), ylim=(-0.02, 1.02), ylabel="share of fakes among these faces")
        axes.tick_params(labelbottom=False)
        axes.legend(frameon=False, loc="upper left")
        edges = np.linspace(0, 1, metrics.CALIBRATION_BINS + 1).tolist()
        below.hist(p_fake, edges, color="#BBBBBB", edgecolor="black", linewidth=0.6)
        below.set(xlabel="P(fake) said by the model", ylabel="faces")
    _save(figure, path)


def histogram(series: Sequence[Series], path: Path) -> None:
    """How the scores of reals and fakes are spread.

    Args:
        series: sequence of Series.
        path: Path. The PNG.
    """
    figure, panels = _panels(len(series), 5.6, 3.9)
    edges = np.linspace(0, 1, 41).tolist()
    for one, axes in zip(series, panels, strict=True):
        low, high = one.band
        axes.axvspan(low, high, color="#EEEEEE", zorder=0)
        for label, colour, hatch, word in (
            (0, REAL_COLOUR, "", "real"),
            (1, FAKE_COLOUR, "////", "fake"),
        ):
            scores = one.judged.p_fake[one.judged.labels == label]
            if len(scores):
                axes.hist(
                    scores, edges, weights=np.full(len(scores), 1 / len(scores)),
                    histtype="stepfilled", facecolor=(colour, 0.35), edgecolor=colour,
                    hatch=hatch, linewidth=1.4, label=f"{word} ({len(scores)} faces)",
                )  # fmt: skip
        axes.axvline(one.threshold, color="black", linestyle="--", linewidth=1.2)
        handles, _ = axes.get_legend_handles_labels()
        handles.append(Patch(facecolor="#EEEEEE", edgecolor="#888888", label="uncertain band"))
        handles += axes.plot([], [], "k--", linewidth=1.2, label=f"threshold {one.threshold:.2f}")
        axes.legend(handles=handles, frameon=False, loc="upper center", fontsize=9)
        axes.set(xlim=(0, 1), xlabel="P(fake)", ylabel="share of each class")
        axes.set_title(as_text(one.name))
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    _save(figure, path)


def robustness(cells: Sequence[CellFigures], name: str, path: Path) -> None:
    """The robustness grid: a map for each blur, JPEG quality across, face side down.

    Args:
        cells: sequence of CellFigures. Of the report.
        name: str. Title.
        path: Path. The PNG.
    """
    blurs = sorted({cell.blur for cell in cells})
    sides = sorted({cell.face_side for cell in cells}, key=lambda side: -(side or np.inf))
    qualities = sorted({cell.jpeg_quality for cell in cells}, key=lambda q: -(q or np.inf))
    figure = _figure(3.3 * len(blurs) + 0.8, 5.6)
    figure.suptitle(as_text(name))
    panels = figure.subplots(len(GRID), len(blurs), squeeze=False)
    for row, column in enumerate(GRID):
        for axes, blur in zip(panels[row], blurs, strict=True):
            values = np.full((len(sides), len(qualities)), np.nan)
            for cell in cells:
                value = getattr(cell, column.name)
                if cell.blur == blur and value is not None:
                    values[sides.index(cell.face_side), qualities.index(cell.jpeg_quality)] = value
            axes.imshow(values, cmap="cividis", vmin=0.5, vmax=1, aspect="auto")
            for (down, across), value in np.ndenumerate(values):
                axes.text(
                    across, down, "–" if np.isnan(value) else f"{value:.2f}", ha="center",
                    va="center", color="white" if value < 0.75 else "black",
                )  # fmt: skip
            axes.set_title(
                f"{column.label}, {f'blur σ {blur:g} px' if blur else 'no blur'}", fontsize=9
            )
            axes.set_xticks(range(len(qualities)), [f"q{q}" if q else "none" for q in qualities])
            axes.set_yticks(range(len(sides)), [f"≤ {s} px" if s else "as is" for s in sides])
            axes.grid(visible=False)
            if axes is panels[row][0]:
                axes.set_ylabel("face side")
            if column is GRID[-1]:
                axes.set_xlabel("JPEG quality")
    _save(figure, path)


def history(history_csv: Path, folder: Path, prefix: str = "") -> list[Path]:
    """How a training run went: `history.png` (loss and accuracy) and `auc_history.png`.

    Args:
        history_csv: Path. Columns `epoch`, and any whose names hold "loss", "accuracy" or "auc".
        folder: Path. Where the PNGs go.
        prefix: str. Before their names.

    Returns:
        The files that were written: none where there are no such columns or no epochs.

    Raises:
        TrainingError: the file is no such table.
    """
    columns = read_history(history_csv)
    epochs = columns.pop("epoch", [])
    kinds: dict[str, dict[str, list[float]]] = {"loss": {}, "accuracy": {}, "auc": {}}
    for name, values in columns.items():
        for kind, members in kinds.items():
            if kind in name.lower() and not np.isnan(values).all():
                members[_as_words(name)] = values
    written = []
    for file, wanted in (("history.png", ("loss", "accuracy")), ("auc_history.png", ("auc",))):
        shown = [kind for kind in wanted if kinds[kind]]
        if not epochs or not shown:
            continue
        figure = _figure(5.2 * len(shown), 3.8)
        for place, kind in enumerate(shown, 1):
            axes = figure.add_subplot(1, len(shown), place)
            for index, (name, values) in enumerate(kinds[kind].items()):
                look = {**_look(index), "marker": MARKERS[index % len(MARKERS)]}
                axes.plot([epoch + 1 for epoch in epochs], values, label=as_text(name), **look)
            title = {"loss": "loss", "accuracy": "accuracy", "auc": "ROC-AUC"}[kind]
            axes.set(xlabel="epoch", ylabel=title)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            # Above: a run can go anywhere within.
            axes.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
        path = folder / f"{prefix}{file}"
        _save(figure, path)
        written.append(path)
    return written


def read_history(path: Path) -> dict[str, list[float]]:
    """Read the table of a training run; of an epoch that comes twice the later row counts.

    Args:
        path: Path. `history.csv`; a run that was resumed may hold an epoch twice.

    Returns:
        Name of each column → its numbers, in the order of the epochs.

    Raises:
        TrainingError: the file is no such table.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = {float(row["epoch"]): row for row in csv.DictReader(file)}
        names = list(next(iter(rows.values()), {}))
        return {
            name: [float(rows[epoch][name] or "nan") for epoch in sorted(rows)] for name in names
        }
    except (OSError, KeyError, TypeError, ValueError, csv.Error) as error:
        raise TrainingError(
            f"{path} is not the history of a training run ({error}). It needs a column “epoch” "
            "and numbers."
        ) from error


def _as_words(name: str) -> str:
    return name.replace("val_", "valid_").replace("auc", "AUC").replace("_", " ")


def as_text(name: str) -> str:
    """A name that somebody chose, to be drawn as it is.

    matplotlib takes what stands between two “$” for a formula, and fails where it is none; and it
    leaves out of legends what begins with “_”.

    Args:
        name: str. Of a model, a set or a column.

    Returns:
        The name with “$” escaped, and a space before a first “_”.
    """
    return (" " if name.startswith("_") else "") + name.replace("$", r"\$")


def _look(index: int) -> dict[str, Any]:
    return {
        "color": COLOURS[index % len(COLOURS)],
        "linestyle": LINES[index % len(LINES)],
        "linewidth": 1.8,
    }


def _panels(count: int, width: float, height: float) -> tuple[Figure, list[Axes]]:
    columns = min(COLUMNS, count)
    rows = -(-count // columns)
    figure = _figure(width * columns, height * rows)
    return figure, [figure.add_subplot(rows, columns, place + 1) for place in range(count)]


def _figure(width: float, height: float) -> Figure:
    return Figure((width, height), dpi=DPI, layout="constrained", facecolor="white")


def _save(figure: Figure, path: Path) -> None:
    for axes in figure.axes:
        if not axes.images:
            axes.set_axisbelow(True)
            axes.grid(visible=True, color="#DDDDDD")
            axes.spines[["top", "right"]].set_visible(False)
    # Without the time and the version of matplotlib, the same scores give the same file.
    figure.savefig(path, metadata={"Software": None})
