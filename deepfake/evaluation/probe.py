"""Labelled photos → which output of a model means fake, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from deepfake import imaging, preprocessing, verdict
from deepfake.datasets.layouts import find_pictures
from deepfake.errors import ImageError, ModelError, ModelNotFoundError
from deepfake.faces import FaceDetector
from deepfake.label_words import label_of
from deepfake.manifest import ModelManifest
from deepfake.modelstore.answers import Answers
from deepfake.modelstore.located import locate
from deepfake.modelstore.preparation import SCALES
from deepfake.modelstore.resolve import NOTHING_SAID, LoadedFile
from deepfake.settings import Settings

# Below this chance of seeing such an order by accident, it is called sure.
SURE = 0.01
# All ways to deal out the labels are counted up to here; beyond, they are approximated.
MAX_DEALS = 20_000
BATCH = 16
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@dataclass(frozen=True)
class Reading:
    """How a model's scores fit the labels under one way to feed it.

    Attributes:
        scale: str. A name of `SCALES`; "manifest" for what its manifest says.
        crop: str. "face" or "full".
        auc: float in [0, 1]. Chance that a fake scores higher than a real one (ROC-AUC), if the
            high end means fake.
        p_value: float in [0, 1]. Chance of an order at least as clear if the scores said nothing
            (two-sided Mann-Whitney test, Mann & Whitney 1947).
    """

    scale: str
    crop: str
    auc: float
    p_value: float

    @property
    def positive(self) -> str:
        """What a high score, or the second of two, means."""
        return "fake" if self.auc >= 0.5 else "real"

    @property
    def clarity(self) -> float:
        """How well the two classes are told apart, whichever end means fake; in [0.5, 1]."""
        return max(self.auc, 1.0 - self.auc)


@dataclass(frozen=True)
class Probe:
    """What labelled photos say of a model.

    Attributes:
        name: str. Of the model.
        reals: int. Real faces that were scored.
        fakes: int. Fake faces that were scored.
        readings: tuple of Reading. The clearest first.
        said: str. "fake" or "real": what a high score means by the model's manifest; "" without.
        remarks: tuple of str. What was changed to load the model, and why it is slow.
    """

    name: str
    reals: int
    fakes: int
    readings: tuple[Reading, ...]
    said: str
    remarks: tuple[str, ...]

    @property
    def is_sure(self) -> bool:
        """Whether accident is an unlikely explanation, also of the best of several readings."""
        return self.readings[0].p_value * len(self.readings) < SURE

    def text(self) -> str:
        """For people."""
        best = self.readings[0]
        lines = [f"{self.name}: scored {self.reals} real and {self.fakes} fake faces.", ""]
        lines.append(f"{'--scale':<10}{'--crop':<10}{'high means':<12}{'AUC':<8}p")
        lines += [
            f"{r.scale:<10}{r.crop:<10}{r.positive:<12}{r.clarity:<8.3f}{r.p_value:.2g}"
            for r in self.readings
        ]
        lines.append("")
        if self.said:
            lines.append(self._compared(best))
        elif self.is_sure:
            lines.append(
                f"A high score means {best.positive}. Use: --positive {best.positive} "
                f"--scale {best.scale} --crop {best.crop}"
            )
        else:
            lines.append(
                f"NOT SURE: these photos fit “high means {best.positive}” best, but so clear an "
                "order could be an accident. Probe with a folder of more labelled photos, of the "
                "kind that the model was trained on."
            )
        return "\n".join(lines)

    def _compared(self, best: Reading) -> str:
        claim = f"Its manifest says that a high score means {self.said}"
        if best.positive == self.said:
            return claim + (", and these photos agree." if self.is_sure else ", and nothing speaks "
                            "against it; with so few photos that proves little.")  # fmt: skip
        if self.is_sure:
            return (
                f"{claim}, but THESE PHOTOS SAY {best.positive.upper()}: its labels look swapped."
            )
        return f"{claim}. These photos lean the other way, but too little to be sure."


def probe(
    model: str, photos: Sequence[tuple[Path, int]], settings: Settings,
    answers: Answers = NOTHING_SAID,
) -> Probe:  # fmt: skip
    """Score labelled photos under every way to feed a model.

    Args:
        model: str. As for `load_model`.
        photos: sequence of (path, label). 1 for fake. Unreadable and faceless ones are passed over.
        settings: Settings. Limits.
        answers: Answers. Scale and crop narrow down what is tried.

    Returns:
        What they say.

    Raises:
        ModelError: the model cannot be loaded, or there are no faces of one class.
    """
    found = locate(model, settings)
    file = LoadedFile(found, settings, answers)
    if found.manifest is not None and (found.fixed or not answers.says_anything):
        drafts = {("manifest", "manifest"): found.manifest}
        said = "fake" if found.manifest.labels.high_is_fake else "real"
    else:
        drafts, said = _drafts(file, found.name, found.file.name, found.sha256, answers), ""
    pictures = list(_readable(photos, settings))
    detector = FaceDetector(settings)
    faces = [
        next((face for face in detector.detect(p) if face.side >= settings.min_face), None)
        for p, _ in pictures
    ]
    kept = [(p, face, label) for (p, label), face in zip(pictures, faces, strict=True) if face]
    labels = np.array([label for _, _, label in kept])
    if not len(labels) or labels.min() == labels.max():
        raise ModelError(
            "To find out which output means fake, photos of faces of both classes are needed. "
            f"Found: {int((labels == 0).sum())} real and {int((labels == 1).sum())} fake faces."
        )
    readings = []
    for (scale, crop), manifest in drafts.items():
        backend = file.backend(manifest)
        crops = np.stack(
            [preprocessing.crop(p, face.box, manifest.input, face.turn) for p, face, _ in kept]
        )
        batch = preprocessing.scale(crops, manifest.input)
        raw = [backend.scores(batch[i : i + BATCH]).raw for i in range(0, len(batch), BATCH)]
        logits = verdict.fake_logits(np.concatenate(raw), manifest)
        high = logits if manifest.labels.order[1] == "fake" else -logits
        readings.append(Reading(scale, crop, *mann_whitney(high, labels)))
    readings.sort(key=lambda reading: reading.p_value)
    fakes = int(labels.sum())
    remarks = file.open().remarks if not said else ()
    return Probe(found.name, len(labels) - fakes, fakes, tuple(readings), said, remarks)


def example_photos(folder: Path = EXAMPLES) -> list[tuple[Path, int]]:
    """The examples that come with the project, labelled by their names.

    Raises:
        ModelError: they were not installed.
    """
    found = [p for p in sorted(folder.glob("*")) if p.suffix in (".jpg", ".png")]
    if not found:
        raise ModelError(
            "The example photos are not installed. Name a folder with real/ and fake/ in it."
        )
    return [(path, int(path.stem.startswith("fake"))) for path in found]


def labelled_photos(folder: Path) -> list[tuple[Path, int]]:
    """Photos in folders that are called real and fake, or a word that means either.

    Raises:
        ModelError: there is no such folder, or no labelled photo in it.
    """
    if not folder.is_dir():
        raise ModelNotFoundError(
            f"There is no folder {folder}. Name one with real/ and fake/ in it.", path=folder
        )
    photos = []
    for path in find_pictures(folder):
        known = [label_of(part) for part in path.relative_to(folder).parts[:-1]]
        labels = [label for label in known if label is not None]
        if labels:
            photos.append((path, labels[-1]))
    if not photos:
        raise ModelError(f"{folder} has no photos in folders called real and fake.", path=folder)
    return photos


def mann_whitney(scores: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """(ROC-AUC, two-sided p-value) of scores against labels (Mann & Whitney 1947).

    Args:
        scores: float array (count,).
        labels: int array (count,). 1 for the class whose scores should be higher; both appear.
    """
    order = np.argsort(scores, kind="stable")
    ranks = np.empty(len(scores))
    ranks[order] = np.arange(1, len(scores) + 1)
    values, inverse, ties = np.unique(scores, return_inverse=True, return_counts=True)
    # Equal scores share the mean of their ranks.
    ranks = (np.bincount(inverse, ranks) / ties)[inverse]
    ones = int(labels.sum())
    zeros = len(labels) - ones
    auc = (float(ranks[labels == 1].sum()) - ones * (ones + 1) / 2) / (ones * zeros)
    if math.comb(len(labels), ones) <= MAX_DEALS:
        sums = [sum(deal) for deal in combinations(ranks.tolist(), ones)]
        middle = ones * (len(labels) + 1) / 2
        seen = abs(float(ranks[labels == 1].sum()) - middle)
        return auc, sum(abs(s - middle) >= seen - 1e-9 for s in sums) / len(sums)
    count = len(labels)
    tied = float((ties**3 - ties).sum()) / (count * (count - 1))
    spread = math.sqrt((count + 1 - tied) / (12 * ones * zeros)) if len(values) > 1 else math.inf
    return auc, math.erfc(abs(auc - 0.5) / spread / math.sqrt(2))


def _drafts(
    file: LoadedFile, name: str, weights: str, digest: str, answers: Answers
) -> dict[tuple[str, str], ModelManifest]:
    """Manifests to try; which end means fake is left to the scores."""
    network = file.open().network
    if answers.scale:
        scales: Sequence[str] = (answers.scale,)
    else:
        # A network that scales its input itself was fed with whole numbers.
        scales = ("0..255", "0..1") if network.rescaling else tuple(SCALES)
    crops = (answers.crop,) if answers.crop else ("face", "full")
    return {
        (scale, crop): Answers("fake", scale=scale, crop=crop, size=answers.size).complete(
            network, name, {weights: digest}
        )
        for scale in scales
        for crop in crops
    }


def _readable(
    photos: Sequence[tuple[Path, int]], settings: Settings
) -> Sequence[tuple[imaging.Picture, int]]:
    pictures = []
    for path, label in photos:
        try:
            pictures.append((imaging.read(path, settings), label))
        except ImageError:
            continue
    return pictures
