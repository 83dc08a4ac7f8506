"""Tell a real face photograph from a deepfake, and say how sure that is.

Example:
    >>> import deepfake
    >>> deepfake.predict("examples/eileen_collins.png")  # doctest: +SKIP
    {'Fake': 0.04, 'Real': 0.96}
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from deepfake.errors import (
    DeepfakeError,
    ImageError,
    ModelError,
    NoFaceError,
    SettingError,
    TrainingError,
)
from deepfake.version import __version__

if TYPE_CHECKING:
    from deepfake.detector import Detector
    from deepfake.modelstore.resolve import load_model
    from deepfake.report import FaceReport, Report
    from deepfake.shelf import predict

__all__ = [
    "DeepfakeError",
    "Detector",
    "FaceReport",
    "ImageError",
    "ModelError",
    "NoFaceError",
    "Report",
    "SettingError",
    "TrainingError",
    "__version__",
    "load_model",
    "predict",
]

# Imported when first asked for, so that `deepfake --help` and the errors cost nothing.
_HOMES = {
    "Detector": "deepfake.detector",
    "FaceReport": "deepfake.report",
    "Report": "deepfake.report",
    "load_model": "deepfake.modelstore.resolve",
    "predict": "deepfake.shelf",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
