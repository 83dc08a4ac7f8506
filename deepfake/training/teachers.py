"""Trained models → softer targets than labels for a network that learns from them.

Knowledge distillation (Hinton et al. 2015, arXiv 1503.02531) with the same view for teacher and
student (Beyer et al. 2022, arXiv 2106.05237): several models that are too many to serve teach one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from deepfake import preprocessing, verdict
from deepfake.errors import ModelError, TrainingError, UnansweredError
from deepfake.manifest import Input
from deepfake.modelstore.resolve import LoadedModel, load_model

SAY_FIRST = " Say it once with `deepfake detect PHOTO --model {name} …`, which keeps it."


class Teachers:
    """Models that say together how likely a view is fake. Safe to share between threads.

    Args:
        models: sequence of LoadedModel. At least one.
        spec: Input. The student's, whose views they are shown, resized where theirs are of another
            size.

    Attributes:
        identities: list of dict. name, version and sha256 of each.
        error: TrainingError. The last thing that went wrong; None if nothing did. An error that is
            raised while batches are made reaches the trainer as one of TensorFlow's.

    Raises:
        TrainingError: a model is used to see more or less around the face than the student, or
            faces that are turned upright or brought to a common light where the student's are not.
    """

    def __init__(self, models: Sequence[LoadedModel], spec: Input):
        for model in models:
            _compare_views(model, spec)
        self._models = tuple(models)
        self.error: TrainingError | None = None
        self.identities = [
            {"name": m.manifest.name, "version": m.manifest.version, "sha256": m.sha256}
            for m in models
        ]

    def p_fake(self, views: np.ndarray) -> np.ndarray:
        """The mean of the teachers' calibrated probabilities, by their `ensemble_weight`.

        Args:
            views: uint8 array (count, size, size, 3).

        Returns:
            float64 array (count,) in [0, 1].

        Raises:
            TrainingError: a teacher fails, or returns something else than numbers.
        """
        answers = []
        for model in self._models:
            try:
                answers.append(_p_fake(model, views))
            except ModelError as error:
                manifest = model.manifest
                self.error = TrainingError(
                    f"The teacher {manifest.name} {manifest.version} failed. {error} Or train "
                    "without it, in a new folder."
                )
                raise self.error from error
        weights = [model.manifest.ensemble_weight for model in self._models]
        mean: np.ndarray = np.average(answers, axis=0, weights=weights)
        return mean


def load_teachers(names: str, spec: Input) -> Teachers | None:
    """Load the models of `TrainingConfig.teachers`.

    Args:
        names: str. Models as `load_model` takes them, with commas between; "" for none.
        spec: Input. The student's.

    Raises:
        TrainingError: a model cannot be loaded, or does not go with the student.
    """
    if not names:
        return None
    return Teachers([_load(name.strip()) for name in names.split(",")], spec)


def _load(name: str) -> LoadedModel:
    try:
        return load_model(name)
    except ModelError as error:
        # Options of commands that use a model; in training some of them mean the student.
        hint = SAY_FIRST.format(name=name) if isinstance(error, UnansweredError) else ""
        raise TrainingError(f"The teacher {name} cannot be used. {error}{hint}") from error


def _compare_views(model: LoadedModel, spec: Input) -> None:
    manifest = model.manifest
    who, crop = f"The teacher {manifest.name} {manifest.version}", manifest.input.crop
    if crop == "full":
        raise TrainingError(
            f"{who} judges whole pictures, and here faces are learnt from. Name another one."
        )
    if crop != spec.crop:
        raise TrainingError(
            f"{who} looks at {crop} face boxes, this run at {spec.crop}. A teacher has to see what "
            f"its student sees: name another one, or pass --crop {crop}."
        )
    for name in ("align", "exposure"):
        own, other = getattr(manifest.input, name), getattr(spec, name)
        if own != other:
            raise TrainingError(
                f"{who} looks at faces with {name} “{own}”, this run with “{other}”. A teacher has "
                f"to see what its student sees: name another one, or pass --{name} {own}."
            )


def _p_fake(model: LoadedModel, views: np.ndarray) -> np.ndarray:
    spec = model.manifest.input
    if views.shape[1] != spec.size:
        resampling = preprocessing.RESAMPLING.get(spec.resample, Image.Resampling.BILINEAR)
        images = [Image.fromarray(view).resize((spec.size,) * 2, resampling) for view in views]
        views = np.stack([np.asarray(image) for image in images])
    raw = model.backend.scores(preprocessing.scale(views, spec)).raw
    return verdict.calibrate(verdict.fake_logits(raw, model.manifest), model.manifest.calibration)
