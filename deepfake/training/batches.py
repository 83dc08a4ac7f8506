"""Training faces → batches of pairs: a real face, and a fake that was delivered the same way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import keras
import numpy as np

from deepfake import preprocessing
from deepfake.forging import augmentation, blending
from deepfake.forging.face_reader import TrainingFace
from deepfake.forging.resynthesis import Resynthesizer
from deepfake.manifest import Input
from deepfake.training.teachers import Teachers

# Shares of self-blended and reenacted faces among the blended ones; the rest are swaps.
SELF_BLENDS, REENACTMENTS = 0.45, 0.1


class PairBatches(keras.utils.PyDataset):  # type: ignore[misc]  # Keras is not typed
    """An endless, repeatable stream of batches, cut into epochs.

    Each real face is followed by a fake. With probability `blend_share` that is the same face
    blended with itself or with another person or with its features moved, and with probability
    `resynthesis_share` the same face sent through a decoder; both are damaged with the same random
    numbers as the real face, so that only the forgery tells the two apart. Else it is a generated
    face.

    Args:
        faces: sequence of TrainingFace. Reals and, if there are any, generated fakes.
        spec: Input. The manifest's `input`.
        batch_size: int. Even number of faces a batch.
        steps: int. Batches an epoch.
        blend_share: float. Share of blended faces among the fakes, in [0, 1].
        resynthesis_share: float. Share of resynthesised faces among the fakes, in [0, 1].
        resynthesizer: Resynthesizer. Needed if `resynthesis_share` is above 0.
        seed: int. Same seed, same batches, whatever the number of workers.
        weights: float array (count,). How much more often each face is drawn than others of its
            source. Defaults to all alike.
        first_epoch: int. Where to begin; a resumed run goes on with the batches it would have had.
        teachers: Teachers. Whose answers come beside the labels; None without.
        teacher_share: float. Their weight in the targets, in [0, 1].
        label_smoothing: float. Of the labels in the targets, in [0, 1).
        **workers: as of `keras.utils.PyDataset`.
    """

    def __init__(
        self,
        faces: Sequence[TrainingFace],
        spec: Input,
        batch_size: int,
        steps: int,
        blend_share: float,
        seed: int,
        first_epoch: int = 0,
        weights: np.ndarray | None = None,
        resynthesis_share: float = 0.0,
        resynthesizer: Resynthesizer | None = None,
        teachers: Teachers | None = None,
        teacher_share: float = 0.0,
        label_smoothing: float = 0.0,
        **workers: int,
    ):
        super().__init__(**workers)
        labels = np.array([face.label for face in faces])
        weights = np.ones(len(faces)) if weights is None else weights
        self._reals = [face for face in faces if face.label == 0]
        self._fakes = [face for face in faces if face.label == 1]
        self._real_odds = _odds(self._reals, weights[labels == 0])
        self._fake_odds = _odds(self._fakes, weights[labels == 1])
        self._looks = [blending.look(face) for face in self._reals]
        self._spec = spec
        self._pairs = batch_size // 2
        self._steps = steps
        self._resynthesizer = resynthesizer
        self._resynthesis_share = resynthesis_share if resynthesizer else 0.0
        self._blend_share = blend_share if self._fakes else 1.0 - self._resynthesis_share
        self._teachers, self._teacher_share = teachers, teacher_share
        self._label_smoothing = label_smoothing
        self._seed = seed
        self._epoch = first_epoch

    def __len__(self) -> int:
        return self._steps

    def __getitem__(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        """Make a batch.

        Returns:
            float32 array (batch, size, size, 3), scaled as the manifest says, and float32 labels
            (batch, 1), 1 for fake. With teachers (batch, 2): the label, and the target between
            label and teachers.
        """
        random = np.random.default_rng([self._seed, self._epoch, step])
        views, labels = [], []
        for _ in range(self._pairs):
            for face, view_random in self._pair(random):
                views.append(augmentation.view(face, self._spec, view_random))
                labels.append([float(face.label)])
        stacked = np.stack(views)
        targets = np.array(labels)
        if self._teachers is not None:
            share, taught = self._teacher_share, self._teachers.p_fake(stacked)[:, None]
            smooth = (1 - self._label_smoothing) * targets + self._label_smoothing / 2
            targets = np.hstack([targets, (1 - share) * smooth + share * taught])
        return preprocessing.scale(stacked, self._spec), targets.astype(np.float32)

    def on_epoch_end(self) -> None:
        """Move on to the next epoch's random numbers."""
        self._epoch += 1

    def _pair(self, random: np.random.Generator) -> list[tuple[TrainingFace, np.random.Generator]]:
        index = int(random.choice(len(self._reals), p=self._real_odds))
        real = self._reals[index]
        seeds = random.integers(0, 2**63, 2)
        choice = random.random()
        if choice < self._blend_share:
            fake = self._blended(index, random)
        elif choice < self._blend_share + self._resynthesis_share and self._resynthesizer:
            fake = self._resynthesizer.fake(real, random)
        else:
            fake = self._fakes[int(random.choice(len(self._fakes), p=self._fake_odds))]
        if choice < self._blend_share + self._resynthesis_share:
            seeds[1] = seeds[0]
        views = (np.random.default_rng(int(seed)) for seed in seeds)
        return list(zip((real, fake), views, strict=True))

    def _blended(self, index: int, random: np.random.Generator) -> TrainingFace:
        real = self._reals[index]
        choice = random.random()
        if choice < SELF_BLENDS:
            return blending.self_blend(real, random)
        if choice < SELF_BLENDS + REENACTMENTS:
            return blending.reenact(real, random)
        return blending.swap(real, self._donor(index, random), random)

    def _donor(self, index: int, random: np.random.Generator) -> TrainingFace:
        others = np.delete(np.arange(len(self._reals)), index)
        chosen = blending.choose_donor(self._looks[index], self._looks, others, random)
        return self._reals[index if chosen is None else chosen]


def _odds(faces: Sequence[TrainingFace], hardness: np.ndarray) -> np.ndarray:
    """Chance of each face: sources weigh as the square root of their size, so none drowns."""
    sizes = Counter(face.source for face in faces)
    weights = hardness * [sizes[face.source] ** -0.5 for face in faces]
    odds: np.ndarray = weights / max(weights.sum(), 1e-12)
    return odds
