"""`deepfake convert`: a Keras model → `.tflite` or `.keras`, with proof that both say the same."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepfake.commands.options import add_answers
from deepfake.errors import ModelError, SettingError
from deepfake.modelstore import formats
from deepfake.modelstore.answers import Answers
from deepfake.settings import Settings

if TYPE_CHECKING:
    from deepfake.manifest import ModelManifest
    from deepfake.modelstore.backends.protocol import Network
    from deepfake.modelstore.compiling.conversion import Conversion
    from deepfake.modelstore.located import Located

RAN = 0
LITERT, KERAS = formats.LITERT.kind, formats.KERAS.kind
KINDS = {suffix: row.kind for row in (formats.LITERT, formats.KERAS) for suffix in row.suffixes}
MADE = {row.kind: row.usual[0] for row in (formats.LITERT, formats.KERAS)}


def add_command(commands: Any) -> None:
    """Add the command to the parser.

    Args:
        commands: the sub-parsers of the `deepfake` command.
    """
    convert = commands.add_parser(
        "convert",
        help="turn a Keras model into .tflite (fast, without TensorFlow) or a new .keras",
        description="Turn a Keras model of any age into LiteRT (.tflite), which runs several times "
        "faster and without TensorFlow, or into a .keras file of Keras 3. Prints what was changed, "
        "compares the outputs on random inputs, and writes a model.json beside the new file where "
        "it is known which output means fake. The old file is never changed.",
    )
    convert.add_argument("old", metavar="OLD", help=".h5, .keras, .pkl, or a SavedModel folder")
    convert.add_argument(
        "new", metavar="NEW", type=Path, help="NEW.tflite, NEW.keras, or a folder for both"
    )
    convert.add_argument(
        "--all-outputs", action="store_true",
        help="keep every output in the .tflite file, such as the map of what the network looked "
        "at; without it only the score is kept, and the file is a little faster",
    )  # fmt: skip
    convert.add_argument("--force", action="store_true", help="replace NEW if it is there")
    add_answers(convert)
    convert.set_defaults(run=_convert)


def _convert(options: argparse.Namespace) -> int:
    print(convert(options))
    return RAN


def convert(options: argparse.Namespace) -> str:
    """Convert a model.

    Args:
        options: Namespace. As of `add_command`.

    Returns:
        What to print: what was changed, what was written, and the measured differences.

    Raises:
        ModelError: the model cannot be read or converted, or the new one returns something else.
        SettingError: NEW is there already, or is of another kind.
    """
    from deepfake.modelstore.compiling import conversion
    from deepfake.modelstore.resolve import WITH_MANIFEST

    settings = Settings.from_environment()
    answers = Answers.of(options)
    targets = _targets(options.new)
    found, row = _source(options.old, settings)
    if found.fixed and answers.says_anything:
        raise ModelError(WITH_MANIFEST.format(name=found.name))
    # What can be said of the old model comes before anything about the place of the new one.
    formats.bring(row.inspect)(found.file, settings)
    folder = next(iter(targets.values())).parent
    # Both files of a folder share a manifest, so they must have the same outputs.
    all_outputs = options.all_outputs or len(targets) > 1
    _check_targets(targets, found, options.force)
    beside = _check_manifest(folder, found, all_outputs or LITERT not in targets, options.force)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".converting-", dir=folder) as work:
            made = conversion.in_sandbox(
                found.file, Path(work), settings, kinds=tuple(targets),
                architecture=answers.architecture or _architecture(found),
                size=answers.size or (found.manifest.input.size if found.manifest else None),
                all_outputs=all_outputs, span=answers.span(found.manifest),
            )  # fmt: skip
            differences = _compare(Path(work), targets, made, settings)
            for kind, path in targets.items():
                (Path(work) / MADE[kind]).replace(path)
            told = _write_manifest(folder, targets, made, found, answers, beside, settings)
    except OSError as error:
        raise ModelError(
            f"{folder} cannot be written ({error.strerror}). Choose another place for the new "
            "file.",
            path=folder,
        ) from error
    return "\n".join([*_changes(found, made), *_written(targets, differences), *told])


def _targets(new: Path) -> dict[str, Path]:
    """What to write, by kind."""
    if new.suffix.lower() in KINDS:
        return {KINDS[new.suffix.lower()]: new}
    if new.suffix and not new.is_dir():
        raise SettingError(
            f"The new file must end in .tflite or .keras, or be a folder. Received: {new}."
        )
    return {kind: new / name for kind, name in MADE.items()}


def _source(old: str, settings: Settings) -> tuple[Located, formats.Format]:
    """The old model and its format, which is one of Keras."""
    from deepfake.modelstore.located import locate
    from deepfake.modelstore.safety.kinds import kind_of

    found = locate(old, settings)
    if found.manifest is not None and not formats.by_name(found.file).is_keras:
        # A folder also serves a .tflite file, which comes first otherwise.
        endings = tuple(e for row in formats.FORMATS if row.is_keras for e in row.suffixes)
        others = [name for name in found.manifest.files if name.lower().endswith(endings)]
        if others and Path(old).is_dir():
            found = locate(found.folder / others[0], settings)
    row = kind_of(found.file)
    if row is formats.LITERT:
        raise ModelError(
            f"{found.file} is a LiteRT file already; it runs as it is.", path=found.file
        )
    if not row.is_keras:
        raise ModelError(
            f"{found.file} is in {row.name} format. It runs as it is; only Keras models can be "
            "converted.",
            path=found.file,
        )
    if found.fixed:
        found.check()
    return found, row


def _check_targets(targets: Mapping[str, Path], found: Located, force: bool) -> None:
    for path in targets.values():
        if not path.exists():
            continue
        if path.samefile(found.file) or found.file in path.resolve().parents:
            raise SettingError(
                f"{path} is the old model, which is never changed. Choose another name for the new."
            )
        if not force:
            raise SettingError(
                f"{path} is there already. Choose another name, or add --force to replace it."
            )


def _check_manifest(folder: Path, found: Located, same_outputs: bool, force: bool) -> Path | None:
    """The manifest of the old model if it lies where the new one's goes, to be added to."""
    from deepfake.manifest import MANIFEST_NAME

    path = folder / MANIFEST_NAME
    if not path.exists():
        return None
    if found.fixed and path.samefile(found.folder / MANIFEST_NAME):
        if found.manifest and found.manifest.output.evidence and not same_outputs:
            raise SettingError(
                f"{path} describes the old model with its evidence map. Add --all-outputs to keep "
                "the map in the new file, too, or write it into another folder."
            )
        return path
    if not force:
        raise SettingError(
            f"There is a {MANIFEST_NAME} of another model in the folder {str(folder.resolve())!r}. "
            "Write into another folder, or add --force to replace it."
        )
    return None


def _architecture(found: Located) -> str:
    return found.manifest.architecture if found.manifest else ""


def _compare(
    work: Path, targets: Mapping[str, Path], made: Conversion, settings: Settings
) -> dict[str, float]:
    from deepfake.modelstore.compiling import compiled, parity

    differences = {}
    if LITERT in targets:
        differences[LITERT] = compiled.check(work, settings)[1]
    if KERAS in targets:
        difference = made.keras_difference
        if difference is None or difference > parity.MAX_DIFFERENCE:
            raise ModelError(
                "Saved and read again, the network returns something else (difference "
                f"{difference}). Convert to .tflite instead."
            )
        differences[KERAS] = difference
    return differences


def _write_manifest(
    folder: Path,
    targets: Mapping[str, Path],
    made: Conversion,
    found: Located,
    answers: Answers,
    beside: Path | None,
    settings: Settings,
) -> list[str]:
    """Write `model.json` if the label order is known; what was done, in sentences."""
    from deepfake.files.digest import sha256_of
    from deepfake.manifest import MANIFEST_NAME, read_manifest

    files = {path.name: sha256_of(path) for path in targets.values()}
    # The .tflite file has the score alone, without a name, where the other outputs were left out.
    network = made.network
    if made.left_out:
        network = replace(network, score="", evidence=None, experts=None)
    told: list[str] = []
    manifest = None if answers.says_anything else found.manifest
    if manifest is None:
        try:
            answers = answers if found.kept is None else answers.over(found.kept.answers)
            manifest = answers.complete(network, found.name, files, convention=found.convention)
        except ModelError as error:
            return [f"No {MANIFEST_NAME} was written. {error}"]
        told = [*answers.remarks(network, found.convention)]
    else:
        manifest = _carried_over(manifest, network, files, beside)
    path = folder / MANIFEST_NAME
    part = folder / f".{MANIFEST_NAME}.part"
    part.write_text(manifest.model_dump_json(indent=1) + "\n", encoding="utf-8")
    part.replace(path)
    read_manifest(folder)
    labels = manifest.labels
    means = (
        f"a high score means {labels.order[1]}"
        if len(labels.order) == 2
        else f"fake are {', '.join(labels.fake)} of {', '.join(labels.order)}"
    )
    return [f"Wrote {path}: {means}.", *told]


def _carried_over(
    manifest: ModelManifest, network: Network, files: dict[str, str], beside: Path | None
) -> ModelManifest:
    """What was known of the old file holds for the new one, since both return the same."""
    output = manifest.output
    if not network.evidence:
        lost = {"score": network.score, "evidence": None, "experts": None, "drawing": None}
        output = output.model_copy(update=lost)
    kept = {name: digest for name, digest in manifest.files.items() if beside is not None}
    return manifest.model_copy(update={"files": {**kept, **files}, "output": output})


def _changes(found: Located, made: Conversion) -> list[str]:
    network = made.network
    lines = [
        f"{found.file}: {network.architecture}, looks at {network.size} × {network.size} pixels, "
        f"returns {network.kind}."
    ]
    lines += [f"Changed to load it: {change}." for change in made.changes]
    if made.left_out:
        lines.append(f"Left out: {', '.join(made.left_out)}. Keep all outputs with --all-outputs.")
    return lines


def _written(targets: Mapping[str, Path], differences: Mapping[str, float]) -> list[str]:
    from deepfake.modelstore.compiling import parity

    return [
        f"Wrote {path} ({path.stat().st_size:,} bytes). On {parity.INPUTS} random inputs it "
        f"returns the same as the old model; the largest difference is {differences[kind]:.1e}."
        for kind, path in targets.items()
    ]
