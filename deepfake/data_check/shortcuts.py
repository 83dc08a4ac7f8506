"""The shortcut test: can the classes be told apart without looking at a face?

Real photographs as JPEG and fakes as PNG, or one class larger or sharper than the other, or cut out
of figures with a white line below, and a network learns that instead of forgery (Geirhos et al.
2020, arXiv 2004.07780). So a trivial model on such features tries to, before and after what the
trainer does to pictures. What it can still do afterwards, a network can too.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold

from deepfake.data_check.file_facts import FileFacts, edges, sharpness
from deepfake.forging import augmentation
from deepfake.forging.face_reader import FaceReader
from deepfake.manifest import Input
from deepfake.opencv import cv2
from deepfake.progress import progress

MAX_AUC = 0.65
# With fewer pictures of a class, cross-validation returns chance or noise.
MIN_PICTURES = 30
FOLDS = 5
# The views have no file, so they are written as JPEG at one quality: what is left is detail.
QUALITY = 90

Fold = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Shortcut:
    """How well a trivial model tells fake from real.

    Attributes:
        auc: float. ROC-AUC of a model on all features, cross-validated.
        features: dict. Feature → ROC-AUC of the same model on it alone.
        reals: int. Real pictures looked at.
        fakes: int. Fake ones.
    """

    auc: float
    features: dict[str, float]
    reals: int
    fakes: int

    @property
    def culprit(self) -> str:
        """The feature that tells most on its own."""
        return max(self.features, key=lambda name: self.features[name])

    @property
    def found(self) -> bool:
        """Whether the classes can be told apart too well."""
        return self.auc > MAX_AUC


def choose(facts: Sequence[FileFacts], most: int, seed: int) -> list[FileFacts]:
    """A sample for the test: of the training split, or of all files where that is too small.

    Args:
        facts: sequence of FileFacts.
        most: int. Files of a class.
        seed: int.

    Returns:
        At most `most` of each class, in the order of `facts`.
    """
    trained = [fact for fact in facts if fact.sample.split == "train"]
    labels = [fact.sample.label for fact in trained]
    if min(labels.count(0), labels.count(1)) < MIN_PICTURES:
        trained = list(facts)
    random = np.random.default_rng(seed)
    chosen: list[int] = []
    for label in (0, 1):
        members = [i for i, fact in enumerate(trained) if fact.sample.label == label]
        chosen += random.permutation(members)[:most].tolist()
    return [trained[int(index)] for index in sorted(chosen)]


def before(facts: Sequence[FileFacts], seed: int = 0) -> Shortcut | None:
    """The test on the files as they are.

    Args:
        facts: sequence of FileFacts.
        seed: int. Of the folds.

    Returns:
        The result; None if there are too few pictures or groups of a class.
    """
    formats = sorted({fact.format for fact in facts})
    features: dict[str, list[float]] = {
        "width": [fact.width for fact in facts],
        "height": [fact.height for fact in facts],
        "bytes per pixel": [fact.byte_count / (fact.width * fact.height) for fact in facts],
        "format": [formats.index(fact.format) for fact in facts],
        "sharpness": [fact.sharpness for fact in facts],
        "plain line below": [fact.edges.below for fact in facts],
        "plain line at other sides": [fact.edges.elsewhere for fact in facts],
    }
    return measure(features, [f.sample.label for f in facts], _groups(facts), seed)


def after(
    facts: Sequence[FileFacts], spec: Input, seed: int = 0, workers: int = 2
) -> Shortcut | None:
    """The test on what the trainer makes of the files.

    Args:
        facts: sequence of FileFacts.
        spec: Input. The manifest's `input`.
        seed: int. Of views and folds.
        workers: int. Threads.

    Returns:
        The result; None if there are too few pictures of a class with a face, or groups of them.
    """
    by_path = {fact.sample.path: index for index, fact in enumerate(facts)}
    kept, sharp, sizes, plain = [], [], [], []
    pairs = FaceReader(spec, workers).pairs(fact.sample for fact in facts)
    for sample, face in progress(pairs, len(facts), "shortcut test"):
        index = by_path[sample.path]
        view = augmentation.view(face, spec, np.random.default_rng([seed, index]))
        data = cv2.imencode(".jpg", view[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1]
        kept.append(facts[index])
        sharp.append(sharpness(view))
        plain.append(edges(view))
        sizes.append(data.size / (view.shape[0] * view.shape[1]))
    features = {
        "bytes per pixel": sizes,
        "sharpness": sharp,
        "plain line below": [one.below for one in plain],
        "plain line at other sides": [one.elsewhere for one in plain],
    }
    return measure(features, [f.sample.label for f in kept], _groups(kept), seed)


def measure(
    features: Mapping[str, Sequence[float]],
    labels: Sequence[int],
    groups: Sequence[str],
    seed: int = 0,
) -> Shortcut | None:
    """Cross-validate a small gradient-boosting model on the features, together and alone.

    Args:
        features: mapping. Feature → value of each file.
        labels: sequence of int. 1 for fake.
        groups: sequence of str. Files of a group stay in one fold.
        seed: int. Of the folds.

    Returns:
        The result; None if there are fewer than `MIN_PICTURES` of a class, or too few groups to
        keep some of both classes for a test.
    """
    target = np.array(labels, int)
    fakes, reals = int((target == 1).sum()), int((target == 0).sum())
    if min(reals, fakes) < MIN_PICTURES:
        return None
    folds = _folds(target, groups, seed)
    if not folds:
        return None
    table = np.column_stack([np.array(values, float) for values in features.values()])
    alone = {name: _auc(table[:, [i]], target, folds, seed) for i, name in enumerate(features)}
    return Shortcut(_auc(table, target, folds, seed), alone, reals, fakes)


def _folds(labels: np.ndarray, groups: Sequence[str], seed: int) -> list[Fold]:
    """Rows to fit on and rows to test with, of which both have both classes."""
    fewest = min(len({g for g, of in zip(groups, labels, strict=True) if of == c}) for c in (0, 1))
    if fewest < 2:
        return []
    splitter = StratifiedGroupKFold(min(FOLDS, fewest), shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # With few large groups a fold may lack a class; such folds are left out below.
        warnings.simplefilter("ignore")
        folds = list(splitter.split(labels[:, None], labels, groups))
    return [
        (rows, others)
        for rows, others in folds
        if len(set(labels[rows])) == 2 and len(set(labels[others])) == 2
    ]


def _auc(table: np.ndarray, labels: np.ndarray, folds: Sequence[Fold], seed: int) -> float:
    if (table == table[0]).all():
        return 0.5
    aucs = []
    for rows, others in folds:
        # Not the histogram kind: its threads spin, and here the work is too small for threads.
        model = GradientBoostingClassifier(
            n_estimators=25,
            learning_rate=0.2,
            max_depth=3,
            min_samples_leaf=10,
            random_state=seed,
        ).fit(table[rows], labels[rows])
        aucs.append(roc_auc_score(labels[others], model.predict_proba(table[others])[:, 1]))
    return float(np.mean(aucs))


def _groups(facts: Sequence[FileFacts]) -> list[str]:
    return [fact.sample.group or str(fact.sample.path) for fact in facts]
