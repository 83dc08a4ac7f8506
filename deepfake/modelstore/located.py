"""The name of a model → the file that holds it, and what is known of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from deepfake.errors import ModelError, ModelNotFoundError
from deepfake.files.digest import sha256_of
from deepfake.manifest import MANIFEST_NAME, ModelManifest, read_manifest
from deepfake.modelstore import remembered
from deepfake.modelstore.answers import Answers
from deepfake.modelstore.backends.protocol import Network
from deepfake.modelstore.hub.address import HUB
from deepfake.modelstore.remembered import Kept
from deepfake.modelstore.safety.inspection import check_size, inspect_onnx
from deepfake.modelstore.safety.kinds import SAVED_MODEL_FILE, SUFFIXES
from deepfake.settings import Settings, models_folder

if TYPE_CHECKING:
    from deepfake.modelstore.hub.convention import Convention


@dataclass(frozen=True)
class Located:
    """A model's file.

    Attributes:
        folder: Path. Where it lies; a README.md in it is its card.
        file: Path. The weight file, or the folder of a SavedModel.
        name: str. What to call it where no manifest says so.
        manifest: ModelManifest. From `model.json` or made of earlier answers; None without any.
        fixed: bool. Whether the manifest came with the model and is not to be answered again.
        sha256: str. Of the file.
        origin: str. Address on the Hub, with the commit; "" for local files.
        convention: Convention. What the repository's `config.json` says; None without one.
        trusted: bool. Whether it is the model that came with this package.
        licence: str. What its card on the Hub says; "" where that is not known.
        note: str. What to tell people, such as which commit is in use; "" for nothing.
        kept: Kept. What was said of this file before; None without anything.
    """

    folder: Path
    file: Path
    name: str
    manifest: ModelManifest | None
    fixed: bool
    sha256: str
    origin: str = ""
    convention: Convention | None = None
    trusted: bool = False
    licence: str = ""
    note: str = ""
    kept: Kept | None = None

    def complete(self, answers: Answers, network: Network) -> ModelManifest:
        """The manifest that follows from answers; errors as of `Answers.complete`."""
        return answers.complete(
            network, self.name, {self.file.name: self.sha256},
            convention=self.convention, origin=self.origin, licence=self.licence,
        )  # fmt: skip


def locate(name: str, settings: Settings) -> Located:
    """Find a model.

    Args:
        name: str. "default", a folder with a `model.json`, a run folder, a weight file, the folder
            of a SavedModel, or an address on the Hub ("hf://owner/repo[/file][@revision]").
        settings: Settings. Limits, and where the cache is.

    Raises:
        ModelError: there is no such model, its manifest cannot be used, or its file is not the one
            that the manifest describes.
    """
    if name == "default":
        return _with_manifest(models_folder() / name, None, trusted=True)
    if name.startswith(("hf:/", "hf:\\")):
        return _on_the_hub(name, settings)
    path = Path(name).expanduser()
    try:
        if path.is_dir():
            return _in_folder(path, settings)
        if not path.exists():
            raise ModelNotFoundError(
                f"There is no model {name!r}. Use 'default', the path of a model file or of a "
                "folder with a model.json, or hf://owner/repository.",
                path=name,
            )
    except OSError as error:
        raise ModelNotFoundError(f"{name} cannot be read ({error.strerror}).", path=name) from error
    if path.name == MANIFEST_NAME:
        return _with_manifest(path.parent, None)
    return _file(path, settings)


def _in_folder(folder: Path, settings: Settings) -> Located:
    if (folder / MANIFEST_NAME).exists():
        return _with_manifest(folder, None)
    if (folder / SAVED_MODEL_FILE).is_file():
        return _alone(folder, settings)
    files = sorted(f for f in folder.iterdir() if f.suffix.lower() in SUFFIXES and f.is_file())
    if len(files) == 1:
        return _alone(files[0], settings)
    if not files:
        # Says what a model folder needs.
        read_manifest(folder)
    raise ModelError(
        f"{folder} holds several model files and no {MANIFEST_NAME}: "
        f"{', '.join(file.name for file in files)}. Name one of them.",
        path=folder,
    )


def _file(path: Path, settings: Settings) -> Located:
    if (path.parent / MANIFEST_NAME).is_file():
        manifest = read_manifest(path.parent)
        if path.name in manifest.files:
            return _with_manifest(path.parent, path.name)
    return _alone(path, settings)


def _with_manifest(folder: Path, file: str | None, *, trusted: bool = False) -> Located:
    manifest = read_manifest(folder)
    file = file or _served(folder, manifest)
    inside = models_folder().resolve() in folder.resolve().parents
    return Located(
        folder, folder / file, manifest.name, manifest, True, manifest.files[file].lower(),
        manifest.origin, trusted=trusted or inside,
    )  # fmt: skip


def _alone(path: Path, settings: Settings) -> Located:
    from deepfake.modelstore.hub import convention as hub_convention

    if path.is_file():
        check_size(path, settings)
    digest = _digest(path, settings)
    folder = path if path.is_dir() else path.parent
    # A repository that somebody downloaded by hand.
    above = [folder.parent] if folder.name == "onnx" else []
    convention = hub_convention.read_convention(folder, *above)
    return _told(
        Located(folder, path, path.stem, None, False, digest, convention=convention), settings
    )


def _told(found: Located, settings: Settings) -> Located:
    """With the manifest that follows from what was said before, if anything was."""
    kept = remembered.recall(found.sha256, settings)
    if kept is None:
        return found
    try:
        manifest = found.complete(kept.answers, kept.network)
    except ModelError:
        # Nobody has said what its labels mean, or its repository no longer does.
        manifest = None
    return replace(found, manifest=manifest, kept=kept)


def _digest(path: Path, settings: Settings) -> str:
    """Of the file, and of those beside it that hold its weights.

    Two models that were trained from one network and exported alike share the graph's file, but
    not what their labels mean.
    """
    if path.suffix.lower() != ".onnx":
        return sha256_of(path)
    parts = [path, *inspect_onnx(path, settings)]
    digests = [sha256_of(part) for part in parts]
    return digests[0] if len(parts) == 1 else sha256("".join(digests).encode()).hexdigest()


def _on_the_hub(address: str, settings: Settings) -> Located:
    from deepfake.modelstore.hub import convention as hub_convention
    from deepfake.modelstore.hub import fetching

    found = fetching.fetch(address, settings)
    manifest = found.manifest
    if manifest is not None:
        return Located(
            found.folder, found.file, manifest.name,
            manifest.model_copy(update={"origin": found.address}), True,
            manifest.files[found.file.name].lower(), found.address,
            licence=found.licence, note=found.note,
        )  # fmt: skip
    alone = Located(
        found.folder, found.file, found.address.removeprefix(HUB).split("@")[0],
        None, False, found.sha256, found.address,
        hub_convention.read_convention(found.file.parent, found.folder),
        licence=found.licence, note=found.note,
    )  # fmt: skip
    return _told(alone, settings)


def _served(folder: Path, manifest: ModelManifest) -> str:
    for suffix in SUFFIXES:
        for file in manifest.files:
            if file.lower().endswith(suffix):
                return file
    for file in manifest.files:
        if (folder / file / SAVED_MODEL_FILE).is_file():
            return file
    raise ModelError(
        f"The manifest in {folder} lists no model file of a kind that can be used "
        f"({', '.join(SUFFIXES)}). Export the model again.",
        path=folder,
    )
