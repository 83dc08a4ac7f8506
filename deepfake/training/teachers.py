"""Trained models → softer targets than labels for a network that learns from them.

Knowledge distillation (Hinton et al. 2015, arXiv 1503.02531) with the same view for teacher and
student (Beyer et al. 2022, arXiv 2106.05237): several models that are too many to serve teach one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from deepfake import preprocessing, verdict
from deepfake.errors import TrainingError
from deepfake.modelstore.manifest import Input
from deepfake.modelstore.resolve import LoadedModel, load_model


class Teachers:
    """Models that say together how likely a view is fake. Safe to share between threads.

    Args:
        models: sequence of LoadedModel. At least one.
        spec: Input. The student's, whose views they are shown, resized where theirs are of another
            size.

    Raises:
        TrainingError: a model is used to see more or less around the face than the student.
    """

    def __init__(self, models: Sequence[LoadedModel], spec: Input):
        for model in models:
            seen = model.manifest.input.crop
            if seen != spec.crop:
                raise TrainingError(
                    f"The teacher {model.manifest.name} {model.manifest.version} looks at a crop "
                    f"of {seen}, this run at one of {spec.crop}. A teacher has to see what its "
                    "student sees: name another one, or give --crop with the teacher's."
                )
        self._models = tuple(models)

    def p_fake(self, views: np.ndarray) -> np.ndarray:
        """The mean of the teachers' calibrated probabilities.

        Args:
            views: uint8 array (count, size, size, 3).

        Returns:
            float64 array (count,) in [0, 1].
        """
        mean: np.ndarray = np.mean([_p_fake(model, views) for model in self._models], axis=0)
        return mean


def load_teachers(names: str, spec: Input) -> Teachers | None:
    """Load the models of `TrainingConfig.teachers`.

    Args:
        names: str. Models as `load_model` takes them, with commas between; "" for none.
        spec: Input. The student's.

    Raises:
        TrainingError: a model does not go with the student.
        ModelError: a model cannot be loaded.
    """
    if not names:
        return None
    return Teachers([load_model(name.strip()) for name in names.split(",")], spec)


def _p_fake(model: LoadedModel, views: np.ndarray) -> np.ndarray:
    spec = model.manifest.input
    if views.shape[1] != spec.size:
        resampling = preprocessing.RESAMPLING[spec.resample]
        images = [Image.fromarray(view).resize((spec.size,) * 2, resampling) for view in views]
        views = np.stack([np.asarray(image) for image in images])
    raw = model.backend.scores(preprocessing.scale(views, spec)).raw
    return verdict.calibrate(verdict.fake_logits(raw, model.manifest), model.manifest.calibration)
