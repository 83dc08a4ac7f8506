"""All that a killed run needs to go on as if nothing had happened, in one file."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from deepfake.errors import TrainingError
from deepfake.training.run_folder import put_in_place

# In the same archive as the weights, so that both are always of the same moment.
PROGRESS = "progress.json"


@dataclass(frozen=True)
class Progress:
    """How far a run has come.

    Attributes:
        epoch: int. The epoch that is in progress or comes next.
        step: int. Batches of it that are done.
        metrics: values of the training metrics' variables, which an epoch sums up.
        seeds: values of the dropout layers' random states, which `.keras` files leave out.
    """

    epoch: int
    step: int
    metrics: list[Any]
    seeds: list[Any]


def save(model: keras.Model, epoch: int, step: int, path: Path) -> None:
    """Write a checkpoint. The file at `path` is whole at every moment, power cuts included.

    Args:
        model: keras.Model. Compiled, in training.
        epoch: int. The epoch that is in progress or comes next.
        step: int. Batches of it that are done.
        path: Path. A name ending in ".keras".
    """
    progress = Progress(
        epoch, step, _values(model.metrics_variables if step else ()), _values(_seeds(model))
    )
    part = path.with_name(f"part-{path.name}")
    model.save(part)
    with zipfile.ZipFile(part, "a") as archive:
        archive.writestr(PROGRESS, json.dumps(asdict(progress)))
    put_in_place(part, path)


def load(path: Path) -> tuple[keras.Model, Progress]:
    """Read a checkpoint.

    Args:
        path: Path. As written by `save`.

    Returns:
        The compiled model, and how far it had come. The metrics are not filled in: `Model.fit`
        empties them at the start of an epoch.

    Raises:
        TrainingError: the file is damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            progress = Progress(**json.loads(archive.read(PROGRESS)))
        model: keras.Model = keras.saving.load_model(path)
        assign(_seeds(model), progress.seeds)
    except (
        zipfile.BadZipFile,
        zlib.error,
        OSError,
        EOFError,
        ValueError,
        TypeError,
        KeyError,
    ) as error:
        raise TrainingError(
            f"{path} is damaged ({error}). Put back a whole copy of it to go on, or remove it and "
            "repeat the command to train from the beginning."
        ) from error
    return model, progress


def assign(variables: Sequence[Any], values: Sequence[Any]) -> None:
    """Give variables their values."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(np.asarray(value, variable.dtype))


def _values(variables: Sequence[Any]) -> list[Any]:
    return [np.asarray(variable).tolist() for variable in variables]


def _seeds(model: keras.Model) -> list[Any]:
    weights = {id(weight) for weight in model.weights}
    return [variable for variable in model.variables if id(variable) not in weights]
