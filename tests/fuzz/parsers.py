"""`python -m tests.fuzz.parsers TARGET RUNS`: bytes that atheris makes, guided by what they reach.

Whatever a parser raises besides its own sentences ends the run, with the bytes that did it.
"""

import io
import json
import logging
import sys
import tempfile
import warnings
from contextlib import redirect_stdout
from functools import cache
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["deepfake"]):
    from deepfake import imaging, provenance
    from deepfake.errors import ImageError, ModelError, RecordError
    from deepfake.manifest import read_manifest
    from deepfake.modelstore.safety import protobuf
    from deepfake.record import file as record_file
    from deepfake.settings import Settings, models_folder

# Small pictures, so that a run is about reading them and not about pixels.
SETTINGS = Settings(max_pixels=100_000, max_bytes=200_000)


# What a number, a text or a list may be told to be.
VALUES = (
    None, True, 0, -1, 2**64, 1e308, float("nan"), float("-inf"), "", "x" * 5000, "../a",
    "\0", "\ud800", [], {}, [[]], [None], {"": {}}, "real", 0.5,
)  # fmt: skip


def places(part):
    """(container, key) of each value in a JSON document."""
    for key in list(part) if isinstance(part, dict) else range(len(part)):
        yield part, key
        if isinstance(part[key], dict | list):
            yield from places(part[key])


def changed(document, data):
    """A JSON document with some of its values changed or taken out, as bytes say."""
    chance = atheris.FuzzedDataProvider(data)
    document = json.loads(json.dumps(document))
    for _ in range(chance.ConsumeIntInRange(1, 4)):
        found = list(places(document))
        if not found:
            break
        part, key = found[chance.ConsumeIntInRange(0, len(found) - 1)]
        if chance.ConsumeBool():
            del part[key]
        else:
            value = VALUES[chance.ConsumeIntInRange(0, len(VALUES) - 1)]
            part[key] = json.loads(json.dumps(value))
    return json.dumps(document).encode()


@cache
def manifest_of_default():
    return json.loads((models_folder() / "default" / "model.json").read_text())


@cache
def report_of_example():
    from deepfake.cli import main as command

    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "report.json"
        example = Path(__file__).parents[2] / "examples" / "grace_hopper.jpg"
        with redirect_stdout(io.StringIO()):
            assert command(["detect", str(example), "--report", str(path)]) in (0, 1)
        return json.loads(path.read_text())


def manifest(data, folder):
    for one in (data, changed(manifest_of_default(), data)):
        (folder / "model.json").write_bytes(one)
        try:
            read_manifest(folder)
        except ModelError as error:
            assert str(error)


def report(data, folder):
    path = folder / "report.json"
    for one in (data, changed(report_of_example(), data)):
        path.write_bytes(one)
        try:
            record_file.read(path, "0" * 64)
        except RecordError as error:
            assert str(error)


def container(data, folder):
    try:
        imaging.read(data, SETTINGS)
        provenance.read(data, SETTINGS)
    except ImageError as error:
        assert str(error)


def message(data, folder):
    try:
        for part in protobuf.messages(memoryview(data), 7, 1):
            list(protobuf.fields(part))
    except ModelError as error:
        assert str(error)


TARGETS = {one.__name__: one for one in (manifest, report, container, message)}


def seeds(target):
    """What a run begins with."""
    if target == "container":
        from tests.imaging.hostile import seeds as pictures

        return [data for kinds in pictures().values() for data in kinds]
    return [b"\x3a\x04\x0a\x02\x08\x01", bytes(range(64))]


def main():
    target, runs = sys.argv[1], int(sys.argv[2])
    warnings.filterwarnings("ignore")
    logging.disable()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        corpus = folder / "corpus"
        corpus.mkdir()
        for number, data in enumerate(seeds(target)):
            (corpus / str(number)).write_bytes(data)
        # The same bytes each time: what fails today fails tomorrow.
        options = [
            f"-runs={runs}",
            "-seed=7",
            "-max_len=20000",
            "-len_control=0",
            f"-artifact_prefix={name}/",
        ]
        atheris.Setup(
            [sys.argv[0], *options, str(corpus)], lambda data: TARGETS[target](data, folder)
        )
        atheris.Fuzz()


if __name__ == "__main__":
    main()
