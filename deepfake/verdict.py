"""Raw score → P(fake) → verdict at a threshold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from deepfake.errors import SettingError
from deepfake.figures import ClipFigures
from deepfake.manifest import Calibration, ModelManifest, OperatingPoint

Verdict = Literal["fake", "uncertain", "real", "not_applicable"]
Reason = Literal[
    "small",
    "large",
    "dark",
    "burnt_out",
    "turned",
    "blurred",
    "compressed",
    "drawing",
    "many_faces",
    "unstable",
]
# What is done to a face to see whether its verdict holds.
Change = Literal["jpeg_90", "jpeg_60", "jpeg_40", "halved", "blurred", "mirrored", "darkened"]
Signs = Literal["blending", "generation"]
# By so many logits (4.5 to 1) one expert must lead to be named. Of the left-out fakes that the
# first network with experts found, 22 of 26 that it then called blended were swaps, and 756 of 793
# that it called generated were none.
CLEAR_LEAD = 1.5
# A face that is not judged is …
HINDRANCES = {
    "small": "too small to judge",
    "large": "too large to judge",
    "many_faces": "too many to judge",
    "dark": "too dark to judge",
    "burnt_out": "too bright to judge",
    "drawing": "drawn, painted or sculpted, as it seems, and not photographed",
}
# Where a threshold of the user's own decides otherwise than the model's own would: what it decides
# alone, since what the model sees is the same, and the score might contradict any more.
CHOSEN: dict[Verdict, str] = {
    "fake": "Called fake at the threshold that was chosen",
    "uncertain": "Too close to call at the threshold that was chosen",
    "real": "Not called fake at the threshold that was chosen",
}
# Beyond this the sigmoid is 0 or 1 in double precision.
LOGIT_LIMIT = 36.0
# Error rates are told for thresholds this close to a measured one; measured are all hundredths.
MEASURED_WITHIN = 0.0101


def fake_logits(scores: np.ndarray, manifest: ModelManifest) -> np.ndarray:
    """Turn a network's output into logits that grow with "fake".

    Args:
        scores: float array (count,) of one logit or sigmoid a face, or (count, classes) of logits
            or a softmax.
        manifest: ModelManifest. Says which it is, and which end or which classes mean fake.

    Returns:
        float64 array (count,).
    """
    scores = np.asarray(scores, np.float64)
    kind, labels = manifest.output.kind, manifest.labels
    if kind in ("logits", "softmax"):
        logits = np.log(np.clip(scores, 1e-12, 1.0)) if kind == "softmax" else scores
        fake = np.array([name in labels.fake for name in labels.order])
        together: np.ndarray = _log_sum(logits[:, fake]) - _log_sum(logits[:, ~fake])
        return together
    if kind == "sigmoid":
        clipped = np.clip(scores, 1e-12, 1.0 - 1e-12)
        scores = np.log(clipped) - np.log1p(-clipped)
    return scores if labels.high_is_fake else -scores


def _log_sum(logits: np.ndarray) -> np.ndarray:
    """Logarithm of the sum of exponentials: of several classes together; of one, its own logit."""
    most = logits.max(axis=1)
    total: np.ndarray = most + np.log(np.exp(logits - most[:, None]).sum(axis=1))
    return total


def calibrate(logits: np.ndarray, calibration: Calibration | ClipFigures) -> np.ndarray:
    """Logits → calibrated probabilities (Platt 1999; Guo et al. 2017, arXiv 1706.04599).

    Args:
        logits: float array (count,). Growing with "fake".
        calibration: Calibration or ClipFigures. Temperature and bias.

    Returns:
        float64 array (count,). P(fake) in [0, 1].
    """
    z = np.clip(logits / calibration.temperature + calibration.bias, -LOGIT_LIMIT, LOGIT_LIMIT)
    probabilities: np.ndarray = 1.0 / (1.0 + np.exp(-z))
    return probabilities


def check_threshold(threshold: float) -> float:
    """Return the threshold if it is a probability.

    Raises:
        SettingError: it is not a number in [0, 1].
    """
    if not 0.0 <= threshold <= 1.0:
        raise SettingError(f"The threshold must be between 0 and 1. Received: {threshold}.")
    return threshold


def uncertain_band(
    manifest: ModelManifest, threshold: float, faces: int = 1, *, elsewhere: bool = True
) -> tuple[float, float]:
    """The interval of P(fake) in which the verdict is "uncertain".

    The manifest holds the band around its own threshold. Around another one the band keeps its
    width in logits, so it narrows towards 0 and 1, where scores lie close together. Of several
    faces the most suspicious one decides, so it reaches further up, to `group_threshold`.

    Args:
        manifest: ModelManifest. Threshold and band as measured.
        threshold: float. The threshold in use, in [0, 1].
        faces: int. How many faces of the picture were judged. Defaults to 1.
        elsewhere: bool. As of `group_threshold`.

    Returns:
        (low, high): "real" below low, "fake" from high on.
    """
    low, high = _band_of_one(manifest, threshold)
    return low, max(high, group_threshold(manifest, threshold, faces, elsewhere=elsewhere))


def group_threshold(
    manifest: ModelManifest, threshold: float, faces: int, *, elsewhere: bool = True
) -> float:
    """P(fake) from which on one of several faces counts as fake.

    If a real face is called fake with probability f, one of n real faces is with 1 − (1 − f)ⁿ: at
    5 %, a third of all pictures of eight people. So the threshold rises until the chance of a false
    alarm for each picture is what it is for one face (Šidák 1967, for errors that do not depend on
    each other; faces of one picture share its light and camera, so that they do to some degree).

    Args:
        manifest: ModelManifest. Its operating points tell f.
        threshold: float. The threshold in use, in [0, 1].
        faces: int. How many faces were judged.
        elsewhere: bool. Whether f is that of sources which the training was without, where it was
            measured: among the known ones there may be no false alarm at all, which says nothing
            of anybody's photo. Defaults to so.

    Returns:
        A measured threshold at or above the one in use, at most the highest below 1; the threshold
        itself for one face, and where nothing was measured.
    """
    elsewhere = elsewhere and manifest.operating_points_elsewhere is not None
    measured = manifest.operating_points_elsewhere if elsewhere else manifest.operating_points
    point = operating_point(manifest, threshold, elsewhere=elsewhere)
    if faces < 2 or point is None or measured is None or threshold in (0.0, 1.0):
        return threshold
    allowed = 1.0 - (1.0 - point.false_positive_rate) ** (1.0 / faces)
    higher = [p for p in measured.points if threshold < p.threshold < 1.0]
    for p in higher:
        if p.false_positive_rate <= allowed:
            return p.threshold
    return higher[-1].threshold if higher else threshold


def group_false_alarms(point: OperatingPoint, faces: int) -> float:
    """The chance that one of several real faces is called fake, if they err independently.

    Args:
        point: OperatingPoint. Of the threshold from which on a face counts as fake.
        faces: int. How many faces were judged.
    """
    return 1.0 - (1.0 - point.false_positive_rate) ** faces


def _band_of_one(manifest: ModelManifest, threshold: float) -> tuple[float, float]:
    if threshold in (0.0, 1.0) or threshold == manifest.threshold:
        low, high = manifest.uncertain_band
        return (low, high) if threshold == manifest.threshold else (threshold, threshold)
    shift = _logit(threshold) - _logit(manifest.threshold)
    low, high = (_sigmoid(_logit(edge) + shift) for edge in manifest.uncertain_band)
    return min(low, threshold), max(high, threshold)


def decide(p_fake: float | None, threshold: float, band: tuple[float, float]) -> Verdict:
    """Verdict on a probability.

    Args:
        p_fake: float in [0, 1]; None where nothing could be judged.
        threshold: float. P(fake) from which on the verdict would be fake without a band.
        band: (low, high). The uncertain band around the threshold.

    Returns:
        "fake" from the band's upper end on, "real" below its lower end, "uncertain" between;
        "not_applicable" for None.
    """
    if p_fake is None:
        return "not_applicable"
    low, high = band
    if p_fake >= max(threshold, high):
        return "fake"
    return "uncertain" if p_fake >= low else "real"


def signs_of(verdict: Verdict, seams: float, synthesis: float) -> Signs | None:
    """Which expert spoke, where one clearly did.

    Args:
        verdict: Verdict. On the face.
        seams: float. The logit of the expert for blending.
        synthesis: float. The logit of the expert for generation.

    Returns:
        What the face shows signs of; None of a face that is called real, and where neither expert
        leads by `CLEAR_LEAD`.
    """
    lead = seams - synthesis
    if verdict not in ("fake", "uncertain") or abs(lead) < CLEAR_LEAD:
        return None
    return "blending" if lead > 0 else "generation"


def worst(verdicts: Sequence[Verdict]) -> Verdict:
    """The verdict on a picture: "fake" if any face is, else "uncertain" if any is, else "real"."""
    order: tuple[Verdict, ...] = ("fake", "uncertain", "real")
    return next((one for one in order if one in verdicts), "not_applicable")


def is_unstable(
    p_fake: float | None,
    changed: Sequence[float],
    threshold: float,
    band: tuple[float, float],
) -> bool:
    """Whether a face is called fake as it is and real when changed, or the other way round.

    Args:
        p_fake: float in [0, 1] or None. Of the face as it is.
        changed: sequence of float. Of the same face after changes that do not matter.
        threshold: float. As for `decide`.
        band: (low, high). Likewise.
    """
    found = {decide(p, threshold, band) for p in (p_fake, *changed)}
    return {"fake", "real"} <= found


def operating_point(
    manifest: ModelManifest, threshold: float, *, elsewhere: bool = False
) -> OperatingPoint | None:
    """The measured error rates at the measured threshold that is nearest.

    Args:
        manifest: ModelManifest. Its operating points.
        threshold: float. The threshold in use.
        elsewhere: bool. Whether to take those that were measured on sources that the training was
            without. Defaults to those of the sources that it knows.

    Returns:
        The operating point, with the threshold that it was measured at; None where the manifest
        has none within 0.01, since error rates are not to be guessed.
    """
    measured = manifest.operating_points_elsewhere if elsewhere else manifest.operating_points
    if measured is None:
        return None
    nearest = min(measured.points, key=lambda point: abs(point.threshold - threshold))
    return nearest if abs(nearest.threshold - threshold) < MEASURED_WITHIN else None


def sentence(verdict: Verdict, p_fake: float | None, faces: int, hindrance: str = "small") -> str:
    """The verdict for people: evidence, not accusation.

    Args:
        verdict: Verdict. As from `decide`.
        p_fake: float in [0, 1] or None. Calibrated P(fake).
        faces: int. How many faces were found, judged or not.
        hindrance: str. Why the largest face was not judged: "small", "large", "dark",
            "burnt_out" or "drawing". Defaults to "small".
    """
    if p_fake is None and faces:
        return f"The face{' is' if faces == 1 else 's are'} {HINDRANCES[hindrance]}"
    if p_fake is None:
        return "No face found: this model judges faces only"
    if verdict == "fake":
        return f"Signs of manipulation found ({percent(p_fake)})"
    return "No signs of manipulation found" if verdict == "real" else "Too close to call"


def percent(share: float) -> str:
    """A probability for people; never "0 %" or "100 %", which no model can promise."""
    value = round(100 * share)
    if value >= 100:
        return "over 99 %"
    return "under 1 %" if value <= 0 else f"{value} %"


def _logit(probability: float) -> float:
    if probability <= 0.0:
        return -LOGIT_LIMIT
    if probability >= 1.0:
        return LOGIT_LIMIT
    return math.log(probability) - math.log1p(-probability)


def _sigmoid(logit: float) -> float:
    return 1.0 / (1.0 + math.exp(-max(-LOGIT_LIMIT, min(LOGIT_LIMIT, logit))))
