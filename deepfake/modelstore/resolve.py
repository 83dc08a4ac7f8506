"""The name of a model → its files, checked → a model that can score."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from deepfake.errors import ModelError
from deepfake.modelstore.litert import LiteRTBackend
from deepfake.modelstore.manifest import MANIFEST_NAME, ModelManifest, read_manifest, read_weights
from deepfake.settings import Settings, models_folder

SERVED_SUFFIX = ".tflite"


@dataclass(frozen=True)
class LoadedModel:
    """A model that is ready to score.

    Attributes:
        manifest: ModelManifest. How to use it.
        backend: LiteRTBackend. Runs it.
        sha256: str. Hash of the weight file in use.
    """

    manifest: ModelManifest
    backend: LiteRTBackend
    sha256: str


def load_model(name: str | Path | None = None, settings: Settings | None = None) -> LoadedModel:
    """Load a model and check it against its manifest.

    Args:
        name: "default", a folder with a `model.json`, or a weight file beside one. Defaults to
            the setting `model`.
        settings: Settings. Defaults to the environment's.

    Returns:
        The model. Loading takes a few milliseconds; share it between threads.

    Raises:
        ModelError: not found, no manifest, no label order in it, another hash, or not runnable.
    """
    settings = settings or Settings.from_environment()
    folder, file = _locate(str(name or settings.model))
    manifest = read_manifest(folder)
    file = file or _served_file(folder, manifest)
    weights = read_weights(folder, manifest, file)
    return LoadedModel(manifest, LiteRTBackend(weights, manifest, settings), manifest.files[file])


def model_folder(name: str) -> Path:
    """The folder of a model that `load_model` would load.

    Raises:
        ModelError: there is none.
    """
    return _locate(name)[0]


def _locate(name: str) -> tuple[Path, str | None]:
    """(folder of the manifest, name of the weight file or None)."""
    if name == "default":
        return models_folder() / "default", None
    if name.startswith("hf://"):
        raise ModelError(
            f"Models from the Hub are not read yet: {name}. Download it and name its folder."
        )
    path = Path(name)
    if path.is_dir():
        return path, None
    if not path.exists():
        raise ModelError(
            f"There is no model {name!r}. Use 'default', or the path of a folder with a "
            f"{MANIFEST_NAME}."
        )
    if path.name == MANIFEST_NAME:
        return path.parent, None
    if path.suffix != SERVED_SUFFIX:
        raise ModelError(
            f"{path.name} is not a {SERVED_SUFFIX} file, the kind that is served. "
            "Name the folder that `deepfake train` wrote."
        )
    return path.parent, path.name


def _served_file(folder: Path, manifest: ModelManifest) -> str:
    for file in manifest.files:
        if file.endswith(SERVED_SUFFIX):
            return file
    raise ModelError(
        f"The manifest in {folder} lists no {SERVED_SUFFIX} file. Export the model again."
    )
