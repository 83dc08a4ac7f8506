"""The name of a model → the file that holds it, and what is known of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from deepfake.errors import ModelError, ModelNotFoundError, SettingError
from deepfake.files.digest import sha256_of
from deepfake.manifest import MANIFEST_NAME, ModelManifest, has_manifest, read_manifest
from deepfake.modelstore import remembered
from deepfake.modelstore.answers import Answers
from deepfake.modelstore.backends.protocol import Network
from deepfake.modelstore.formats import SAVED_MODEL, SUFFIXES, bring, by_name, served
from deepfake.modelstore.hub.address import HubAddress, is_address
from deepfake.modelstore.remembered import Kept
from deepfake.modelstore.safety.inspection import check_size
from deepfake.modelstore.safety.kinds import kind_of
from deepfake.settings import Settings, models_folder

if TYPE_CHECKING:
    from deepfake.modelstore.hub.convention import Convention
    from deepfake.modelstore.hub.fetching import Snapshot

DEFAULT = "default"


@dataclass(frozen=True)
class Located:
    """A model's file.

    Attributes:
        folder: Path. Where it lies; a README.md in it is its card.
        file: Path. The weight file, or the folder of a SavedModel.
        name: str. What to call it where no manifest says so.
        sha256: str. Of the file; of one with a manifest, what that says.
        manifest: ModelManifest. From `model.json` or made of earlier answers; None without any.
        convention: Convention. What the repository's `config.json` says; None without one.
        kept: Kept. What was said of this file before; None without anything.
        snapshot: Snapshot. What was fetched from the Hub; None for local files.
    """

    folder: Path
    file: Path
    name: str
    sha256: str
    manifest: ModelManifest | None = None
    convention: Convention | None = None
    kept: Kept | None = None
    snapshot: Snapshot | None = None

    @property
    def fixed(self) -> bool:
        """Whether the manifest came with the model and is not to be answered again."""
        return self.manifest is not None and self.kept is None

    @property
    def trusted(self) -> bool:
        """Whether it is a model that came with this package."""
        return models_folder().resolve() in self.folder.resolve().parents

    @property
    def origin(self) -> str:
        """Address on the Hub, with the commit; "" for local files."""
        return "" if self.snapshot is None else str(self.snapshot.record.address)

    def check(self) -> None:
        """Compare the file with the hash in its manifest, unless that was done when it came.

        Raises:
            ModelError: it is another, or missing.
        """
        if not self.file.exists():
            raise ModelNotFoundError(
                f"{self.file} is missing. Get the model again.", path=self.file
            )
        verified = {} if self.snapshot is None else self.snapshot.verified
        digest = verified.get(self.file) or sha256_of(self.file)
        if digest != self.sha256:
            raise ModelError(
                f"{self.file} is not the file that its manifest describes: its SHA-256 is "
                f"{digest[:12]}…, the manifest says {self.sha256[:12]}…. It was changed or "
                "damaged; get the model again.",
                path=self.file,
            )

    def complete(self, answers: Answers, network: Network) -> ModelManifest:
        """The manifest that follows from answers; errors as of `Answers.complete`."""
        return answers.complete(
            network, self.name, {self.file.name: self.sha256}, convention=self.convention,
            origin=self.origin,
            licence="" if self.snapshot is None else self.snapshot.record.licence,
        )  # fmt: skip


def place_of(name: str | Path) -> HubAddress | Path:
    """What a name stands for; nothing is looked up.

    Args:
        name: str. As for `locate`.

    Raises:
        ModelError: it begins like an address on the Hub and is none.
    """
    if is_address(name):
        return HubAddress.parse(str(name))
    return models_folder() / DEFAULT if str(name) == DEFAULT else Path(name).expanduser()


def locate(name: str | Path, settings: Settings) -> Located:
    """Find a model.

    Args:
        name: str. "default", a folder with a `model.json`, a run folder, a weight file, the folder
            of a SavedModel, or an address on the Hub ("hf://owner/repo[/file][@revision]").
        settings: Settings. Limits, and where the cache is.

    Raises:
        ModelError: there is no such model, its manifest cannot be used, or its file is not the one
            that the manifest describes.
    """
    place = place_of(name)
    if isinstance(place, HubAddress):
        return _on_the_hub(place, settings)
    try:
        if place.exists():
            return _on_disk(place, settings)
    except OSError as error:
        raise ModelNotFoundError(f"{name} cannot be read ({error.strerror}).", path=name) from error
    raise ModelNotFoundError(
        f"There is no model {str(name)!r}. Use 'default', the path of a model file or of a folder "
        "with a model.json, or hf://owner/repository.",
        path=name,
    )


def _on_disk(path: Path, settings: Settings) -> Located:
    if path.name == MANIFEST_NAME:
        path = path.parent
    folder = path if path.is_dir() else path.parent
    if has_manifest(folder):
        manifest = read_manifest(folder)
        file = _served(folder, manifest) if path == folder else path.name
        if file in manifest.files:
            return Located(
                folder, folder / file, manifest.name, manifest.files[file].lower(), manifest
            )
    elif path == folder:
        path = _only_model(folder)
    if path.is_file():
        check_size(path, settings)
    from deepfake.modelstore.hub.convention import read_convention

    folder = path if path.is_dir() else path.parent
    # A repository that somebody downloaded by hand.
    above = [folder.parent] if folder.name == "onnx" else []
    convention = read_convention(folder, *above)
    digest = _digest(path, settings)
    return _told(Located(folder, path, path.stem, digest, convention=convention), settings)


def _served(folder: Path, manifest: ModelManifest) -> str:
    saved = (name for name in manifest.files if (folder / name / SAVED_MODEL.marker).is_file())
    file = served(manifest.files) or next(saved, None)
    if file is None:
        raise ModelError(
            f"The manifest in {folder} lists no model file of a kind that can be used "
            f"({', '.join(SUFFIXES)}). Export the model again.",
            path=folder,
        )
    return file


def _only_model(folder: Path) -> Path:
    """The one model in a folder without a manifest; the folder itself if it is a SavedModel."""
    if (folder / SAVED_MODEL.marker).is_file():
        return folder
    files = sorted(f for f in folder.iterdir() if f.suffix.lower() in SUFFIXES and f.is_file())
    if not files and (folder / MANIFEST_NAME).exists():
        raise ModelError(
            f"The {MANIFEST_NAME} in {folder} describes a network of Keras or TensorFlow.js, "
            "without its weights. Where it was made, run model.save('model.keras'), and name "
            "that file.",
            path=folder,
        )
    if not files:
        # Says what a model folder needs.
        read_manifest(folder)
    if len(files) != 1:
        raise ModelError(
            f"{folder} holds several model files and no {MANIFEST_NAME}: "
            f"{', '.join(file.name for file in files)}. Name one of them.",
            path=folder,
        )
    return files[0]


def _on_the_hub(address: HubAddress, settings: Settings) -> Located:
    from deepfake.modelstore.hub.convention import read_convention
    from deepfake.modelstore.hub.fetching import fetch

    found = fetch(address, settings)
    manifest = found.manifest
    if manifest is not None:
        manifest = manifest.model_copy(update={"origin": str(found.record.address)})
        digest = manifest.files[found.file.name].lower()
        return Located(found.folder, found.file, manifest.name, digest, manifest, snapshot=found)
    convention = read_convention(found.file.parent, found.folder)
    alone = Located(
        found.folder, found.file, address.name, found.sha256,
        convention=convention, snapshot=found,
    )  # fmt: skip
    return _told(alone, settings)


def _told(found: Located, settings: Settings) -> Located:
    """With the manifest that follows from what was said before, if anything was."""
    kept = remembered.recall(found.sha256, settings)
    if kept is None:
        return found
    try:
        manifest = found.complete(kept.answers, kept.network)
    except (ModelError, SettingError):
        # Nobody has said what its labels mean, or its repository no longer does.
        manifest = None
    return replace(found, manifest=manifest, kept=kept)


def _digest(path: Path, settings: Settings) -> str:
    """Of the file, and of those beside it that hold its weights.

    Two models that were trained from one network and exported alike share the graph's file, but
    not what their labels mean.
    """
    row = by_name(path)
    if row.beside and path.is_file():
        # What is no model at all is told as what it is, before it is taken for a damaged one.
        kind_of(path)
    parts = [path, *(bring(row.inspect)(path, settings) if row.beside else ())]
    digests = [sha256_of(part) for part in parts]
    return digests[0] if len(parts) == 1 else sha256("".join(digests).encode()).hexdigest()
