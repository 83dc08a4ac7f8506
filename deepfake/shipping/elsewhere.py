"""Sources that a network never met → `operating_points_elsewhere` in its manifest, and its card.

The network judges the pictures of DATA whose sources are not in KNOWN, as it would judge anybody's:

    python -m deepfake.shipping.elsewhere models/default DATA --known KNOWN --kinds KINDS.csv

A network that was trained with all sources has met them. What to expect of it elsewhere is told by
networks like it that were each trained without some, whose logits are read:

    python -m deepfake.shipping.elsewhere models/default --logits LEFT_OUT.npz --kinds KINDS.csv
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from deepfake import verdict
from deepfake.datasets.dataset import find_dataset
from deepfake.detector import Detector
from deepfake.errors import DeepfakeError, TrainingError
from deepfake.evaluation import metrics, scoring
from deepfake.evaluation.robustness import CLEAN
from deepfake.evaluation.scoring import Judged
from deepfake.files import atomic
from deepfake.formatting import percent
from deepfake.manifest import (
    MANIFEST_NAME,
    MAX_KINDS,
    MAX_NAME,
    ErrorRates,
    KindOfFakes,
    ModelManifest,
    OperatingPoint,
    OperatingPointsElsewhere,
    WorstRealSource,
    read_manifest,
)
from deepfake.shipping import card
from deepfake.shipping.calibration import SMALLEST_SOURCE

MEASURED_ON = "faces of sources that the network was never trained on"
LEFT_OUT = "faces of sources, judged by networks like this one that were trained without them"
COLUMNS = ("label", "source", "logit")
# Of fewer faces a rate by reason would be chance.
FEWEST = 50


def measure(
    judged: Judged, threshold: float, measured_on: str, kinds: Mapping[str, str] | None = None
) -> OperatingPointsElsewhere | None:
    """Error rates on what the training was without.

    Args:
        judged: Judged. Faces of sources that the network, or the one that judged them, never met.
        threshold: float. The model's own, which the worst source and the kinds are told for.
        measured_on: str. What they are, for people.
        kinds: dict. Source of fakes → its kind. Defaults to none.

    Returns:
        The rates; None where a class is missing.
    """
    if set(judged.labels.tolist()) != {0, 1}:
        return None
    pairs = list(zip(judged.sources, judged.labels.tolist(), strict=True))
    faces = Counter(pairs)
    weights = _weights(judged)
    caught = judged.p_fake >= threshold
    sources = np.array(judged.sources)
    rates = {
        source: float(caught[(sources == source) & (judged.labels == 0)].mean())
        for source, label in sorted(faces)
        if label == 0 and faces[source, label] >= SMALLEST_SOURCE
    }
    worst = max(rates, key=lambda source: rates[source], default=None)
    kind_of = np.array(
        [(kinds or {}).get(source, "") if label else "" for source, label in pairs], dtype=object
    )
    by_kind = {}
    for kind in sorted(set(kind_of) - {""}):
        members = kind_of == kind
        by_kind[kind] = KindOfFakes(
            true_positive_rate=round(
                float(np.average(caught[members], weights=weights[members])), 4
            ),
            fakes=int(members.sum()),
            sources=len(set(sources[members])),
        )
    points = metrics.operating_points(judged.p_fake, judged.labels, weights)
    return OperatingPointsElsewhere(
        measured_on=measured_on,
        reals=int((judged.labels == 0).sum()),
        fakes=int((judged.labels == 1).sum()),
        points=tuple(OperatingPoint(**point) for point in points),
        real_sources=sum(label == 0 for _, label in faces),
        fake_sources=sum(label == 1 for _, label in faces),
        worst_real_source=None
        if worst is None
        else WorstRealSource(
            name=worst[:MAX_NAME],
            false_positive_rate=round(rates[worst], 4),
            reals=faces[worst, 0],
        ),
        by_kind=by_kind,
    )


def by_reason(judged: Judged, threshold: float) -> dict[str, ErrorRates]:
    """Error rates on the faces that a reason weakens.

    Args:
        judged: Judged. As of `measure`; without reasons nothing is known.
        threshold: float. The model's own.

    Returns:
        Reason → its rates, of reasons with `FEWEST` faces of each class or more; fewer would tell
        chance. None of "unstable", which is found after the verdict.
    """
    found = {}
    for reason in sorted({reason for reasons in judged.reasons for reason in reasons}):
        own = np.array([reason in reasons for reasons in judged.reasons])
        reals, fakes = (int((own & (judged.labels == label)).sum()) for label in (0, 1))
        if reason == "unstable" or min(reals, fakes) < FEWEST:
            continue
        members = Judged(
            judged.p_fake[own], judged.labels[own],
            tuple(s for s, is_own in zip(judged.sources, own, strict=True) if is_own),
        )  # fmt: skip
        false_positives, true_positives = (
            round(float(np.average(members.p_fake[of] >= threshold, weights=weights[of])), 4)
            for weights in (_weights(members),)
            for of in (members.labels == 0, members.labels == 1)
        )
        found[reason] = ErrorRates(
            false_positive_rate=false_positives, true_positive_rate=true_positives,
            reals=reals, fakes=fakes,
        )  # fmt: skip
    return found


def _weights(judged: Judged) -> np.ndarray:
    """What each face counts for: a source as many as it has faces, at most 20."""
    pairs = list(zip(judged.sources, judged.labels.tolist(), strict=True))
    faces = Counter(pairs)
    return np.array([min(faces[pair], SMALLEST_SOURCE) / faces[pair] for pair in pairs])


def judge(folder: Path, data: Path, known: Path | None) -> Judged:
    """Judge the pictures of sources that the network never met.

    Args:
        folder: Path. The model.
        data: Path. A folder or a table, as of `find_dataset`.
        known: Path. Likewise, of what the network was trained with: its sources are left out.

    Raises:
        DeepfakeError: the model or the data cannot be read.
    """
    met = set() if known is None else {s.source for s in find_dataset(known).samples}
    samples = [s for s in find_dataset(data).samples if s.source not in met]
    print(f"{len(samples):,} pictures of {len({s.source for s in samples})} sources")
    (scores,) = scoring.score(Detector(folder), samples, (CLEAN,))
    judged = Judged.of(scores)
    print(f"{len(judged.labels):,} judged, {len(samples) - len(judged.labels):,} without a face")
    return judged


def read_logits(path: Path, manifest: ModelManifest) -> Judged:
    """Read a table of logits of networks that had not met the faces.

    Args:
        path: Path. An .npz with arrays of one entry a face: `label` (1 or "fake" for fake),
            `source`, and `logit`, growing with "fake", before calibration; perhaps `reasons`, what
            weakens the verdict on it, with spaces between.
        manifest: ModelManifest. Its calibration turns logits into P(fake).

    Raises:
        TrainingError: it cannot be read, lacks an array, or they do not fit each other.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            label, source, logit = (np.asarray(file[name]) for name in COLUMNS)
            reasons = np.asarray(file["reasons"]) if "reasons" in file else np.full(label.shape, "")
    except (OSError, ValueError, KeyError) as error:
        raise TrainingError(
            f"{path} must be an .npz with the arrays {', '.join(COLUMNS)} ({error})."
        ) from error
    labels = np.array([{"1": 1, "fake": 1, "0": 0, "real": 0}.get(str(v), -1) for v in label])
    fits = label.shape == source.shape == logit.shape == reasons.shape and label.ndim == 1
    if not fits or (labels < 0).any() or not np.isfinite(logit).all():
        raise TrainingError(
            f"The arrays of {path} need one entry a face: a label of 0, 1, real or fake, a source, "
            "and a logit that is a number."
        )
    p_fake = verdict.calibrate(logit.astype(np.float64), manifest.calibration)
    return Judged(
        p_fake, labels, tuple(str(name) for name in source),
        tuple(tuple(str(names).split()) for names in reasons),
    )  # fmt: skip


def read_kinds(path: Path) -> dict[str, str]:
    """Read which kind the fakes of a source are of.

    Args:
        path: Path. A CSV with the columns `source` and `kind`.

    Raises:
        TrainingError: it cannot be read, or has other columns or too many or long kinds.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            kinds = {row["source"]: row["kind"] or "" for row in csv.DictReader(file)}
    except (OSError, ValueError, KeyError) as error:
        raise TrainingError(
            f"{path} must be a CSV file with the columns source and kind ({error})."
        ) from error
    if len(set(kinds.values())) > MAX_KINDS or max(map(len, kinds.values()), default=0) > MAX_NAME:
        raise TrainingError(
            f"{path} may name {MAX_KINDS} kinds of at most {MAX_NAME} letters. A kind holds "
            "several sources, such as all face swaps."
        )
    return kinds


def main() -> None:
    """Measure a model on sources that it never met, and write that into its manifest and card."""
    parser = argparse.ArgumentParser(
        prog="python -m deepfake.shipping.elsewhere", description=main.__doc__
    )
    parser.add_argument("folder", type=Path, help="the model's folder")
    parser.add_argument("data", type=Path, nargs="?", help="labelled faces with their sources")
    parser.add_argument("--known", type=Path, help="what the network was trained with")
    parser.add_argument("--logits", type=Path, help="an .npz of left-out logits instead of DATA")
    parser.add_argument("--kinds", type=Path, help="a CSV of source and kind of fakes")
    parser.add_argument("--measured-on", help="what the faces are, for people")
    parser.add_argument("--readme", type=Path, help="whose results are written again")
    options = parser.parse_args()
    if (options.data is None) == (options.logits is None):
        parser.error("name either DATA or --logits")
    try:
        _write(options)
    except DeepfakeError as error:
        sys.exit(f"error: {error}")


def _write(options: argparse.Namespace) -> None:
    manifest = read_manifest(options.folder)
    kinds = {} if options.kinds is None else read_kinds(options.kinds)
    if options.logits is None:
        judged = judge(options.folder, options.data, options.known)
    else:
        judged = read_logits(options.logits, manifest)
    words = options.measured_on or (MEASURED_ON if options.logits is None else LEFT_OUT)
    measured = measure(judged, manifest.threshold, words, kinds)
    if measured is None:
        raise TrainingError("Both real and fake faces are needed. Found one class or none.")
    manifest = manifest.model_copy(
        update={
            "operating_points_elsewhere": measured,
            "reason_error_rates": by_reason(judged, manifest.threshold),
        }
    )
    atomic.write(options.folder / MANIFEST_NAME, manifest.model_dump_json(indent=1) + "\n")
    if (options.folder / card.EVALUATION).is_dir():
        card.refresh(options.folder, options.readme)
    point = verdict.operating_point(manifest, manifest.threshold, elsewhere=True)
    if point is not None:
        print(
            f"At {point.threshold:.2f}: {percent(point.false_positive_rate)} of "
            f"{measured.reals:,} reals called fake, {percent(point.true_positive_rate)} of "
            f"{measured.fakes:,} fakes caught"
        )


if __name__ == "__main__":
    main()
