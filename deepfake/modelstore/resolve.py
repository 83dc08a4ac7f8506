"""The name of a model → its files, checked → a model that can score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deepfake.errors import ModelError, SettingError, UnansweredError
from deepfake.files.digest import size_of
from deepfake.manifest import MANIFEST_NAME, ModelManifest, read_weights
from deepfake.modelstore import made_here, remembered
from deepfake.modelstore.answers import Answers
from deepfake.modelstore.backends.protocol import Backend, Opened
from deepfake.modelstore.formats import bring, by_name
from deepfake.modelstore.located import Located, locate
from deepfake.modelstore.preparation import RECIPE_SIZE
from deepfake.modelstore.remembered import Kept
from deepfake.modelstore.safety.kinds import kind_of
from deepfake.modelstore.workers.foreign import ForeignBackend, ForeignFile
from deepfake.settings import Settings, cache_folder

NOTHING_SAID = Answers()
WITH_MANIFEST = (
    f"{{name}} comes with a {MANIFEST_NAME}, which says how it is used. Leave options such as "
    "--positive out, or change the manifest."
)


@dataclass(frozen=True)
class LoadedModel:
    """A model that is ready to score.

    Attributes:
        manifest: ModelManifest. How to use it.
        backend: Backend. Runs it.
        sha256: str. Hash of the weight file in use.
        folder: Path. Where it lies; a README.md in it is its card. None for one made in memory.
        bytes: int. Size of the weight file; 0 where it is not known.
        remarks: tuple of str. What was changed to load it, why it is slow, and what was taken
            without being told.
    """

    manifest: ModelManifest
    backend: Backend
    sha256: str
    folder: Path | None = None
    bytes: int = 0
    remarks: tuple[str, ...] = ()


def load_model(
    name: str | Path | None = None,
    settings: Settings | None = None,
    answers: Answers = NOTHING_SAID,
) -> LoadedModel:
    """Load a model and check it against its manifest.

    Args:
        name: "default", a folder with a `model.json`, a run folder of `deepfake train`, a weight
            file (`.tflite`, `.keras`, `.h5`, `.onnx`, a pickled Keras model), the folder of a
            SavedModel, or "hf://owner/repo[/file][@revision]". Defaults to the setting `model`.
        settings: Settings. Defaults to the environment's.
        answers: Answers. What is known of a model that has no manifest; kept for this very file
            in the user's cache, so that it has to be said once.

    Returns:
        The model; share it between threads. A Keras model is compiled to LiteRT the first time,
        which takes a while and is announced; from then on it takes milliseconds, too.

    Raises:
        ModelError: not found, nobody has said which output means fake, another hash than in the
            manifest, hostile, or not runnable.
    """
    settings = settings or Settings.from_environment()
    found = locate(name or settings.model, settings)
    if found.fixed and answers.says_anything:
        raise ModelError(WITH_MANIFEST.format(name=found.name))
    file = LoadedFile(found, settings, answers)
    return file.with_manifest()


def introduce(names: Sequence[str], settings: Settings, answers: Answers) -> tuple[str, ...]:
    """Keep what was said of the one model among several that has no manifest.

    Args:
        names: sequence of str. Models as for `load_model`.
        settings: Settings. Where the cache is.
        answers: Answers. What was said; nothing at all is fine.

    Returns:
        What was changed to load it, and what was taken without being told, in sentences.

    Raises:
        ModelError: all models have a manifest, or the model cannot be loaded.
        SettingError: several have none, or the answers cannot be kept.
    """
    if not answers.says_anything:
        return ()
    unknown = [found for found in (locate(name, settings) for name in names) if not found.fixed]
    if not unknown:
        raise ModelError(WITH_MANIFEST.format(name=", ".join(names)))
    if len(unknown) > 1:
        raise SettingError(
            "Options such as --positive are said of one model, but several have no manifest: "
            f"{', '.join(found.name for found in unknown)}. Say it of one at a time, with "
            "`deepfake detect PHOTO --model MODEL --positive …`; it is kept."
        )
    model = LoadedFile(unknown[0], settings, answers).with_manifest()
    if remembered.recall(model.sha256, settings) is None:
        raise SettingError(
            f"What was said of the model could not be kept in {cache_folder(settings)}. Name a "
            "folder that can be written with DEEPFAKE_CACHE."
        )
    return model.remarks


class LoadedFile:
    """A model file that was checked, before and after a manifest is known.

    Args:
        found: Located. The file.
        settings: Settings. Limits and threads.
        answers: Answers. Of them the architecture and the size are needed to open some files.
    """

    def __init__(self, found: Located, settings: Settings, answers: Answers = NOTHING_SAID):
        self._found, self._settings = found, settings
        self._said = answers
        # What was said before still holds where nothing else is said now.
        self._answers = answers if found.kept is None else answers.over(found.kept.answers)
        self._opened: Opened | None = None

    def open(self) -> Opened:
        """Check and read the file, if that was not done.

        Raises:
            ModelError: it is hostile, damaged, or of a kind that cannot be used.
        """
        if self._opened is None:
            self._opened = self._open()
        return self._opened

    def with_manifest(self) -> LoadedModel:
        """The model with its manifest, the kept answers, or the ones given now.

        Raises:
            ModelError: nobody has said which output means fake, or as of `open`.
        """
        found = self._found
        remarks: tuple[str, ...] = ()
        manifest = found.manifest
        asked = not found.fixed and self._said.says_anything
        if manifest is None or asked:
            network = self.open().network
            manifest = found.complete(self._answers, network)
            remarks = self._answers.remarks(network, found.convention)
            backend = self.backend(manifest)
            kept = Kept(found.name, found.file.name, found.origin, self._answers, network)
            remembered.remember(found.sha256, kept, self._settings)
        else:
            backend = self.backend(manifest)
        of_file = self._opened.remarks if self._opened else ()
        notes = (found.snapshot.record.note,) if found.snapshot else ()
        return LoadedModel(
            manifest, backend, found.sha256, found.folder, size_of(found.file),
            (*notes, *of_file, *remarks),
        )  # fmt: skip

    def backend(self, manifest: ModelManifest) -> Backend:
        """What runs the file.

        Raises:
            ModelError: as of `open`, or the manifest does not fit.
        """
        found, settings = self._found, self._settings
        named = by_name(found.file)
        if found.fixed and named.from_bytes:
            # What was compared with its hash is what runs, even if the file changes meanwhile.
            weights = read_weights(found.folder, manifest, found.file.name)
            if found.trusted or made_here.is_known(found.sha256, settings):
                backend: Backend = bring(named.from_bytes)(weights, manifest, settings)
                return backend
            return ForeignBackend(
                ForeignFile(named, found.file, weights=weights), manifest, settings
            )
        if found.fixed:
            found.check()
        return self.open().backend(manifest, settings)

    def _open(self) -> Opened:
        found, answers, settings = self._found, self._answers, self._settings
        row = kind_of(found.file)
        if row.is_keras:
            from deepfake.modelstore.compiling.compiled import KerasFile, open_compiled

            span = answers.span(found.manifest, found.convention)
            size = self._size() or (RECIPE_SIZE if answers.recipe else None)
            file = KerasFile(found.file, found.sha256, answers.architecture, size, span)
            return open_compiled(file, settings)
        # Both are read by native code that trusts the offsets and sizes in the file.
        beside: tuple[Path, ...] = bring(row.inspect)(found.file, settings)
        size = self._size()
        try:
            return ForeignFile(row, found.file, beside, size=size).open(settings)
        except UnansweredError:
            if size or not answers.recipe:
                raise
            return ForeignFile(row, found.file, beside, size=RECIPE_SIZE).open(settings)

    def _size(self) -> int | None:
        """Side of the input where the file leaves it open."""
        found = self._found
        if self._answers.size:
            return self._answers.size
        # Not of a manifest that was made of answers: the size in it may be the file's own, and the
        # same has to be asked for each time.
        if found.manifest is not None and found.fixed:
            return found.manifest.input.size
        return None if found.convention is None else found.convention.size
