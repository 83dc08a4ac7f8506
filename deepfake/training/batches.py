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
from deepfake.training.config import TrainingConfig
from deepfake.training.recipe import BLENDED, NO_TRACE, NOTHING, RESYNTHESISED, Recipe
from deepfake.training.teachers import Teachers

# Shares of self-blended and reenacted faces among the blended ones; the rest are swaps.
SELF_BLENDS, REENACTMENTS = 0.45, 0.1


class PairBatches(keras.utils.PyDataset):  # type: ignore[misc]  # Keras is not typed
    """An endless, repeatable stream of batches, cut into epochs.

    Each real face is followed by a fake. With probability `blend_share` that is the same face
    blended with itself or with another person or with its features moved, and with probability
    `resynthesis_share` the same face sent through a decoder; both are damaged with the same random
    numbers as the real face, so that only the forgery tells the two apart. Else it is a generated
    face; with a recipe, of a family that is drawn first.

    Args:
        faces: sequence of TrainingFace. Reals and, if there are any, generated fakes.
        config: TrainingConfig. Of the run. Same seed, same batches, whatever the number of threads.
        first_epoch: int. Where to begin; a resumed run goes on with the batches it would have had.
        first_step: int. Batches of that epoch that are done; what is left is then good for that
            epoch only.
        weights: float array (count,). How much more often each face is drawn than others of its
            source. Defaults to all alike.
        resynthesizer: Resynthesizer. Without one there are no resynthesised faces.
        teachers: Teachers. Whose answers come beside the labels; None without.
        recipe: Recipe. Families of fakes and their traces. Defaults to none.
    """

    def __init__(
        self,
        faces: Sequence[TrainingFace],
        config: TrainingConfig,
        first_epoch: int = 0,
        first_step: int = 0,
        weights: np.ndarray | None = None,
        resynthesizer: Resynthesizer | None = None,
        teachers: Teachers | None = None,
        recipe: Recipe = NOTHING,
    ):
        super().__init__(workers=2, use_multiprocessing=False, max_queue_size=8)
        labels = np.array([face.label for face in faces])
        weights = np.ones(len(faces)) if weights is None else weights
        self._reals = [face for face in faces if face.label == 0]
        self._fakes = [face for face in faces if face.label == 1]
        self._real_odds = _odds(self._reals, weights[labels == 0])
        self._fake_odds = by_family(self._fakes, _odds(self._fakes, weights[labels == 1]), recipe)
        self._recipe, self._traces = recipe, bool(recipe.families) and config.has_experts
        self._looks = [blending.look(face) for face in self._reals]
        self._config, self._spec = config, config.input
        self._steps = steps_an_epoch(len(faces), config)
        self._resynthesizer = resynthesizer
        self._resynthesis_share = config.resynthesis_share if resynthesizer else 0.0
        self._blend_share = config.blend_share if self._fakes else 1.0 - self._resynthesis_share
        self._teachers = teachers
        self._epoch, self._done = first_epoch, first_step

    def __len__(self) -> int:
        return self._steps - self._done

    def __getitem__(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        """Make a batch.

        Returns:
            float32 array (batch, size, size, 3), scaled as the manifest says, and float32 labels
            (batch, 1), 1 for fake. With teachers (batch, 2): the label, and the target between
            label and teachers. With families and
            experts a last column: whose fake it is, an index into
            `TRACES` or NO_TRACE.
        """
        random = np.random.default_rng([self._config.seed, self._epoch, self._done + step])
        views, labels, traces = [], [], []
        for _ in range(self._config.batch_size // 2):
            pair, trace = self._pair(random)
            for face, view_random in pair:
                views.append(augmentation.view(face, self._spec, view_random))
                labels.append([float(face.label)])
                traces.append([float(trace if face.label else NO_TRACE)])
        stacked = np.stack(views)
        targets = np.array(labels)
        if self._teachers is not None:
            share, smoothing = self._config.teacher_share, self._config.label_smoothing
            taught = self._teachers.p_fake(stacked)[:, None]
            smooth = (1 - smoothing) * targets + smoothing / 2
            targets = np.hstack([targets, (1 - share) * smooth + share * taught])
        if self._traces:
            targets = np.hstack([targets, traces])
        return preprocessing.scale(stacked, self._spec), targets.astype(np.float32)

    def on_epoch_end(self) -> None:
        """Move on to the next epoch's random numbers."""
        # Keras also calls this once before the first epoch, after a look at the first batch.
        self._epoch += 1

    def _pair(
        self, random: np.random.Generator
    ) -> tuple[list[tuple[TrainingFace, np.random.Generator]], int]:
        """A real face and a fake, each with the random numbers of its view; the fake's trace."""
        index = int(random.choice(len(self._reals), p=self._real_odds))
        real = self._reals[index]
        seeds = random.integers(0, 2**63, 2)
        choice = random.random()
        if choice < self._blend_share:
            fake, trace = self._blended(index, random), BLENDED
        elif choice < self._blend_share + self._resynthesis_share and self._resynthesizer:
            fake, trace = self._resynthesizer.fake(real, random), RESYNTHESISED
        else:
            fake = self._fakes[int(random.choice(len(self._fakes), p=self._fake_odds))]
            family = self._recipe.family_of(fake.source)
            trace = family.trace if family else NO_TRACE
        if choice < self._blend_share + self._resynthesis_share:
            seeds[1] = seeds[0]
        views = (np.random.default_rng(int(seed)) for seed in seeds)
        return list(zip((real, fake), views, strict=True)), trace

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


def steps_an_epoch(faces: int, config: TrainingConfig) -> int:
    """Batches an epoch: as asked for, or as many as there are faces for."""
    return config.steps or max(1, faces // config.batch_size)


def _odds(faces: Sequence[TrainingFace], hardness: np.ndarray) -> np.ndarray:
    """Chance of each face: sources weigh as the square root of their size, so none drowns."""
    sizes = Counter(face.source for face in faces)
    weights = hardness * [sizes[face.source] ** -0.5 for face in faces]
    odds: np.ndarray = weights / max(weights.sum(), 1e-12)
    return odds


def by_family(faces: Sequence[TrainingFace], odds: np.ndarray, recipe: Recipe) -> np.ndarray:
    """Odds that give each family of a recipe its share, whatever it had before.

    Args:
        faces: sequence of TrainingFace. Fakes.
        odds: float array (count,). Chance of each face without a recipe.
        recipe: Recipe. A family without faces leaves its share to the others.

    Returns:
        float array (count,). Within a family as before.
    """
    shared = odds.copy()
    for family in recipe.families.values():
        own = np.array([face.source in family.sources for face in faces], bool)
        if odds[own].sum() > 0:
            shared[own] *= family.share / odds[own].sum()
    result: np.ndarray = shared / max(shared.sum(), 1e-12)
    return result
