"""Labelled photos → which output of a model means fake, and how sure that is."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from deepfake import imaging, preprocessing, verdict
from deepfake.datasets.layouts import find_pictures
from deepfake.errors import ImageError, ModelError, ModelNotFoundError
from deepfake.faces import FaceDetector
from deepfake.label_words import label_of
from deepfake.manifest import ModelManifest
from deepfake.modelstore.answers import PREPARING, Answers
from deepfake.modelstore.located import Located, locate
from deepfake.modelstore.preparation import CAFFE, SCALES
from deepfake.modelstore.resolve import NOTHING_SAID, LoadedFile
from deepfake.settings import Settings

# Below this chance of seeing such an order by accident, it is called sure.
SURE = 0.01
# All ways to deal out the labels are counted up to here; beyond, they are approximated.
MAX_DEALS = 20_000
# Below this chance that it is as clear, a reading is called worse than the clearest one.
WORSE = 0.05
# Pictures whose sides differ by a smaller share are called square.
NEARLY = 0.02
OWN = "as it says itself"
BATCH = 16
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@dataclass(frozen=True)
class Reading:
    """How a model's scores fit the labels under one way to feed it.

    Attributes:
        options: Answers. The way, as what would be said of the model; nothing at all for what its
            manifest, or its repository, says.
        auc: float in [0, 1]. Chance that a fake scores higher than a real one (ROC-AUC), if the
            high end means fake.
        p_value: float in [0, 1]. Chance of an order at least as clear if the scores said nothing
            (two-sided Mann-Whitney test, Mann & Whitney 1947).
        is_worse: bool. Whether the photos show that it tells the classes apart less well than the
            clearest reading does (DeLong et al. 1988).
    """

    options: Answers
    auc: float
    p_value: float
    is_worse: bool = False

    @property
    def positive(self) -> str:
        """What a high score, or the second of two, means."""
        return "fake" if self.auc >= 0.5 else "real"

    @property
    def clarity(self) -> float:
        """How well the two classes are told apart, whichever end means fake; in [0.5, 1]."""
        return max(self.auc, 1.0 - self.auc)

    @property
    def words(self) -> str:
        """The way to feed the model, as options of a command."""
        return " ".join(self.options.as_options())


@dataclass(frozen=True)
class Probe:
    """What labelled photos say of a model.

    Attributes:
        name: str. Of the model.
        reals: int. Real faces that were scored.
        fakes: int. Fake faces that were scored.
        readings: tuple of Reading. The clearest first.
        said: str. "fake" or "real": what a high score means by the model's manifest, or by what was
            said of it before; "" where nobody has said it.
        remarks: tuple of str. What was changed to load the model, and why it is slow.
        only_square: bool. Whether all photos are square, so that they do not tell how others are
            brought to a square.
        chosen: bool. Whether it was said which classes mean fake, so that only the way to feed the
            model is looked for.
        fixed: bool. Whether the model came with a manifest, so that there is one way to feed it.
        besides: str. What else was said of it, as options.
    """

    name: str
    reals: int
    fakes: int
    readings: tuple[Reading, ...]
    said: str
    remarks: tuple[str, ...]
    only_square: bool = False
    chosen: bool = False
    fixed: bool = False
    besides: str = ""

    @property
    def fitting(self) -> tuple[Reading, ...]:
        """The clearest reading, and those that the photos do not tell from it."""
        return tuple(reading for reading in self.readings if not reading.is_worse)

    @property
    def is_sure(self) -> bool:
        """Whether accident is an unlikely explanation, also of the best of several readings."""
        one_way = len({reading.positive for reading in self.fitting}) == 1
        return one_way and self.readings[0].p_value * len(self.readings) < SURE

    def text(self) -> str:
        """For people."""
        best, fitting = self.readings[0], self.fitting
        lines = [f"{self.name}: scored {self.reals} real and {self.fakes} fake faces.", ""]
        words = [reading.words or OWN for reading in self.readings]
        width = max(map(len, words)) + 2
        lines.append(f"  {'fed with':<{width}}{'high means':<12}{'AUC':<8}p")
        lines += [
            f"{' ' if r.is_worse else '≈'} {way:<{width}}{r.positive:<12}{r.clarity:<8.3f}"
            f"{r.p_value:.2g}"
            for r, way in zip(self.readings, words, strict=True)
        ]
        lines.append("")
        if self.said:
            lines.append(self._compared(best))
            if not self.fixed and self.is_sure:
                lines.append(f"Use: {self._use(best)}")
        elif not self.is_sure:
            lines.append(
                f"NOT SURE: these photos fit “high means {best.positive}” best, but so clear an "
                "order could be an accident. Probe with a folder of more labelled photos, of the "
                "kind that the model was trained on."
            )
        elif self.chosen and best.positive == "real":
            lines.append("THESE PHOTOS SAY THE OPPOSITE of what was said of its classes.")
        elif self.chosen:
            way = f"{best.words} {self.besides}".strip()
            lines.append(f"What was said of its classes fits. Use: {way or OWN}")
        else:
            lines.append(f"A high score means {best.positive}. Use: {self._use(best)}")
        if len(fitting) > 1:
            lines.append(
                f"These photos cannot tell the {len(fitting)} ways marked ≈ apart: take the one "
                "that the model was trained with, if you know it, or probe with more photos."
            )
        if self.only_square and any(r.options.crop == "full" for r in fitting):
            lines.append(
                "All photos are square, so they do not tell whether others are to be squashed or "
                "cut (--resize)."
            )
        return "\n".join(lines)

    def _use(self, best: Reading) -> str:
        return f"--positive {best.positive} {best.words} {self.besides}".rstrip()

    def _compared(self, best: Reading) -> str:
        source = "Its manifest says" if self.fixed else "It was said before"
        claim = f"{source} that a high score means {self.said}"
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
        answers: Answers. Scale and crop narrow down what is tried, and so does what was said of
            this file before.

    Returns:
        What they say.

    Raises:
        ModelError: the model cannot be loaded, or there are no faces of one class.
    """
    found = locate(model, settings)
    file = LoadedFile(found, settings, answers)
    pictures = list(_readable(photos, settings))
    only_square = all(is_square(picture) for picture, _ in pictures)
    known = answers if found.kept is None else answers.over(found.kept.answers)
    if found.fixed and found.manifest is not None:
        drafts = {NOTHING_SAID: found.manifest}
    else:
        drafts = _drafts(file, found, known, only_square)
    said = ""
    if found.manifest is not None and len(found.manifest.labels.order) == 2:
        said = "fake" if found.manifest.labels.high_is_fake else "real"
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
    # The ways differ in what the network is given, not in the network.
    backend = file.backend(next(iter(drafts.values())))
    crops: dict[str, np.ndarray] = {}
    scores = {}
    for options, manifest in drafts.items():
        spec = manifest.input
        # Those that differ in scale and channels alone are cut from the picture alike.
        key = str((spec.crop, spec.resize, spec.resize_to, spec.resample))
        if key not in crops:
            crops[key] = np.stack(
                [preprocessing.crop(p, face.box, spec, face.turn) for p, face, _ in kept]
            )
        batch = preprocessing.scale(crops[key], spec)
        raw = [backend.scores(batch[i : i + BATCH]).raw for i in range(0, len(batch), BATCH)]
        logits = verdict.fake_logits(np.concatenate(raw), manifest)
        two = len(manifest.labels.order) == 2
        scores[options] = logits if manifest.labels.high_is_fake or not two else -logits
    fakes = int(labels.sum())
    chosen = len(next(iter(drafts.values())).labels.order) > 2
    # Which classes mean fake is said again where that is not what was to be found out.
    meaning = () if chosen else ("positive", "labels")
    network = None if found.fixed else file.open()
    return Probe(
        found.name, len(labels) - fakes, fakes, _readings(scores, labels), said,
        () if network is None else network.remarks, only_square,
        chosen=chosen, fixed=found.fixed,
        besides=shlex.join(answers.as_options(*PREPARING, "recipe", *meaning)),
    )  # fmt: skip


def _readings(scores: dict[Answers, np.ndarray], labels: np.ndarray) -> tuple[Reading, ...]:
    """The clearest first; those that are as clear in the order in which they were tried."""
    found = [Reading(way, *mann_whitney(high, labels)) for way, high in scores.items()]
    found.sort(key=lambda reading: reading.p_value)
    best, *others = found

    def upright(reading: Reading) -> np.ndarray:
        return scores[reading.options] * (1 if reading.auc >= 0.5 else -1)

    worse = [delong(upright(best), upright(other), labels) < WORSE for other in others]
    return best, *(replace(r, is_worse=w) for r, w in zip(others, worse, strict=True))


def is_square(picture: imaging.Picture) -> bool:
    """Whether squashing it to a square and cutting its middle out are about the same."""
    return abs(picture.width - picture.height) <= NEARLY * max(picture.width, picture.height)


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


def delong(first: np.ndarray, second: np.ndarray, labels: np.ndarray) -> float:
    """Chance that one score's ROC-AUC is above another's by so much, if both were the same.

    The one-sided test for two scores of the same cases (DeLong, DeLong & Clarke-Pearson 1988).

    Args:
        first: float array (count,). The score whose ROC-AUC is the higher one.
        second: float array (count,).
        labels: int array (count,). 1 for the class whose scores should be higher; both appear.

    Returns:
        In [0, 1]; 1 where the two order the cases alike.
    """
    shares = []
    for scores in (first, second):
        ones, zeros = scores[labels == 1], scores[labels == 0]
        above = (ones[:, None] > zeros) + 0.5 * (ones[:, None] == zeros)
        shares.append((above.mean(axis=1), above.mean(axis=0)))
    of_ones, of_zeros = (shares[0][side] - shares[1][side] for side in (0, 1))
    difference = float(of_ones.mean())
    count = min(len(of_ones), len(of_zeros))
    if difference <= 0 or count < 2:
        return 1.0
    variance = of_ones.var(ddof=1) / len(of_ones) + of_zeros.var(ddof=1) / len(of_zeros)
    if variance == 0:
        return 0.0
    return math.erfc(difference / math.sqrt(2 * variance)) / 2


def _drafts(
    file: LoadedFile, found: Located, answers: Answers, only_square: bool
) -> dict[Answers, ModelManifest]:
    """Ways to feed the model, the usual first; which end means fake is left to the scores."""
    network = answers.of_output(file.open().network, found.name)
    said = answers.preparing
    ways: list[Answers] = []
    if found.convention is not None and found.convention.input is not None:
        # As its repository says, for whole pictures and for faces.
        ways += [Answers(crop=crop) for crop in ("", "face")]
    scales = tuple(SCALES)
    if said["scale"]:
        scales = (said["scale"],)
    elif network.rescaling:
        # A network that scales its input itself was fed with whole numbers.
        scales = ("0..255", "0..1")
    resizes = ("crop",) if only_square else ("crop", "squash")
    if said["resize"]:
        resizes = (said["resize"],)
    crops = [(said["crop"] or "full", resize) for resize in resizes]
    if said["crop"] not in ("", "full"):
        crops = [(said["crop"], said["resize"])]
    elif not said["crop"] and not said["resize"]:
        crops.insert(0, ("face", ""))
    orders = ("grey",) if network.channels == 1 else ("rgb", "bgr")
    if said["channels"]:
        orders = (said["channels"],)
    ways += [
        Answers(scale=scale, crop=crop, resize=resize, channels=order, resample=said["resample"])
        for crop, resize in crops
        for order in orders
        for scale in scales
        if scale != CAFFE or order == "bgr"
    ]
    labels: dict[str, Any] = {"positive": answers.positive or "fake", "labels": answers.labels}
    if network.classes == 2:
        labels = {"positive": "fake"}
    drafts = {}
    for way in ways:
        whole = replace(
            way, size=answers.size, returns=answers.returns, score=answers.score, **labels
        )
        drafts[way] = found.complete(whole, file.open().network)
    return drafts


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
