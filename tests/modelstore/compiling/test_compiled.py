import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest
from filelock import FileLock

from deepfake import cli, progress
from deepfake.errors import ModelError
from deepfake.files.digest import sha256_of
from deepfake.modelstore.answers import Answers
from deepfake.modelstore.backends.keras import open_keras
from deepfake.modelstore.compiling import compiled, conversion, parity
from deepfake.modelstore.compiling.compiled import KerasFile, open_compiled
from deepfake.modelstore.formats import LITERT
from deepfake.modelstore.resolve import load_model
from deepfake.modelstore.safety import sandbox
from deepfake.settings import Settings
from tests.modelstore.conversion_files import SIZE, keras_files
from tests.programs import is_running

pytestmark = pytest.mark.tensorflow

ATTEMPTS = Path(__file__).parents[1]
BATCH = parity.inputs_for(SIZE, (0.0, 1.0))
DETECT = """
import sys
from deepfake.cli import main
code = main(["detect", "--json", *sys.argv[1:]])
print(code, "tensorflow" in sys.modules, "keras" in sys.modules)
"""


def file_of(name, **said):
    path = keras_files() / name
    return KerasFile(path, sha256_of(path), **said)


def scores(opened, name="model"):
    manifest = Answers(positive="fake", scale="0..1").complete(
        opened.network, name, {name: "0" * 64}
    )
    backend = opened.backend(manifest, Settings())
    return backend.name, backend.scores(BATCH)


def left(cache):
    """What is kept beside the lock."""
    return sorted(p.name for p in (cache / compiled.FOLDER).iterdir() if p.name != ".lock")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A model with an evidence map and experts, opened by two at once: cache, file, both."""
    cache, file = tmp_path_factory.mktemp("cache"), file_of("with_evidence.keras")
    with ThreadPoolExecutor(2) as pool:
        pair = list(pool.map(lambda _: open_compiled(file, Settings(cache=str(cache))), range(2)))
    return cache, file, pair


@pytest.fixture
def no_conversion(monkeypatch):
    """Whoever converts nonetheless gets a sentence."""

    def refuse(*_, **__):
        raise ModelError("It was tried again.")

    monkeypatch.setattr(conversion, "in_sandbox", refuse)


def test_it_says_the_same_as_keras_and_describes_itself_alike(model):
    _, file, pair = model
    opened = open_keras(file.path, Settings())
    _, expected = scores(opened)
    for one in pair:
        assert (one.network, one.remarks) == (opened.network, ())
        name, found = scores(one)
        assert name == "LiteRT"
        assert found.raw == pytest.approx(expected.raw, abs=1e-4)
        assert found.evidence == pytest.approx(expected.evidence, abs=1e-4)
        assert found.experts == pytest.approx(expected.experts, abs=1e-4)
        assert found.experts / found.raw[:, None] == pytest.approx(
            np.tile([0.5, 2], (len(BATCH), 1))
        )


def test_two_at_once_leave_one_compiled_file_and_no_litter(model):
    cache, file, _ = model
    (made,) = left(cache)
    assert made == file.key


def test_a_photo_is_judged_by_litert_from_the_first_time_on(portrait, tmp_path):
    environment = {**os.environ, "DEEPFAKE_CACHE": str(tmp_path)}
    command = [
        sys.executable, "-c", DETECT, str(portrait), "--model", str(keras_files() / "plain.h5")
    ]  # fmt: skip
    first, second = (
        subprocess.run([*command, *said], capture_output=True, text=True, env=environment)
        for said in (("--positive", "fake", "--scale", "0..1", "--crop", "face"), ())
    )
    reports = [json.loads(run.stdout.splitlines()[0]) for run in (first, second)]
    assert [report["model"]["backend"] for report in reports] == ["LiteRT", "LiteRT"]
    assert reports[0]["p_fake"] == reports[1]["p_fake"]
    assert [run.stdout.splitlines()[1] for run in (first, second)] == ["0 False False"] * 2
    assert first.stderr.count("Compiling plain.h5") == 1 and "Compiling" not in second.stderr


def test_a_damaged_compiled_file_is_made_again(model, no_conversion):
    cache, file, _ = model
    settings = Settings(cache=str(cache))
    assert scores(open_compiled(file, settings))[0] == "LiteRT"
    weights = cache / compiled.FOLDER / file.key / "model.tflite"
    whole = weights.read_bytes()
    try:
        weights.write_bytes(whole[:200] + b"damaged" + whole[207:])
        with pytest.raises(ModelError, match="tried again"):
            open_compiled(file, settings)
    finally:
        weights.write_bytes(whole)


def test_a_size_that_was_said_once_is_compiled_for_once(tmp_path, request):
    settings = Settings(cache=str(tmp_path))
    path = keras_files() / "any_size.keras"
    told = load_model(path, settings, Answers(positive="real", size=32))
    assert (told.backend.name, told.manifest.input.size) == ("LiteRT", 32)
    request.getfixturevalue("no_conversion")
    assert load_model(path, settings).manifest == told.manifest


def test_what_litert_cannot_do_stays_on_keras_and_is_tried_again_by_new_versions(
    tmp_path, request, capsys
):
    settings, file = Settings(cache=str(tmp_path)), file_of("beyond_litert.keras")
    opened = open_compiled(file, settings)
    assert "Compiling" in capsys.readouterr().err
    (remark,) = opened.remarks
    assert "stays on Keras" in remark and "LiteRT cannot" in remark
    assert ".py" not in remark and "loc(" not in remark
    name, found = scores(opened)
    assert name == "Keras" and np.isfinite(found.raw).all()

    request.getfixturevalue("no_conversion")
    assert open_compiled(file, settings).remarks == (remark,)
    assert capsys.readouterr().err.startswith("deepfake: Opening beyond_litert.keras with Keras")
    failure = tmp_path / compiled.FOLDER / (file.key + compiled.FAILURE_SUFFIX)
    record = json.loads(failure.read_text())
    failure.write_text(json.dumps({**record, "versions": {"tensorflow": "1.0"}}))
    with pytest.raises(ModelError, match="tried again"):
        open_compiled(file, settings)


def test_what_the_file_lacks_is_said_and_keras_is_not_asked_again(tmp_path):
    with pytest.raises(ModelError, match="Say it: --size 224") as raised:
        open_compiled(file_of("any_size.keras"), Settings(cache=str(tmp_path)))
    assert "LiteRT" not in str(raised.value)
    assert left(tmp_path) == []


def fail_with(monkeypatch, error, then=lambda: None):
    """Conversions read the file, and end so."""

    def fail(_, folder, *__, **___):
        (folder / conversion.READ_FILE).touch()
        then()
        raise error

    monkeypatch.setattr(conversion, "in_sandbox", fail)


def test_what_litert_cannot_do_is_remembered(monkeypatch, tmp_path):
    fail_with(monkeypatch, parity.NoLiteRTError("LiteRT cannot."))
    litter = tmp_path / compiled.FOLDER / "part-litter"
    litter.mkdir(parents=True)
    opened = open_compiled(file_of("plain.h5"), Settings(cache=str(tmp_path)))
    assert scores(opened)[0] == "Keras" and "LiteRT cannot." in opened.remarks[-1]
    assert left(tmp_path) and not litter.exists()


@pytest.mark.parametrize(
    ("way", "seconds", "reason"),
    [("crash", 60, "SIGSEGV"), ("sleep", 1, "longer than 1 second"), ("memory", 60, "more memory")],
)
def test_what_ends_the_child_is_not_opened_in_this_process(
    monkeypatch, tmp_path, way, seconds, reason
):
    monkeypatch.syspath_prepend(str(ATTEMPTS))

    def convert(_, folder, *__, **___):
        (folder / conversion.READ_FILE).touch()
        sandbox.run(
            "sandbox_attempts", [way], readable=[ATTEMPTS], writable=[], seconds=seconds,
            memory=1_000_000_000,
        )  # fmt: skip

    def opened(*_):
        raise AssertionError("It was opened with Keras.")

    monkeypatch.setattr(conversion, "in_sandbox", convert)
    monkeypatch.setattr(compiled.ForeignFile, "open", opened)
    with pytest.raises(ModelError, match=reason) as raised:
        open_compiled(file_of("plain.h5"), Settings(cache=str(tmp_path)))
    assert "deepfake convert" in str(raised.value)
    assert left(tmp_path) == []


def test_a_file_that_litert_refuses_in_words_stays_on_keras(tmp_path):
    (tmp_path / conversion.LITERT_FILE).write_bytes(b"\x1c\0\0\0TFL3" + b"\0" * 100)
    parity.write(tmp_path, BATCH, {"": np.zeros(len(BATCH))})
    with pytest.raises(parity.NoLiteRTError, match="cannot run the converted network"):
        compiled.check(tmp_path, Settings(cache=str(tmp_path / "cache")))


@pytest.mark.parametrize("end", ["converted", "beyond LiteRT"])
def test_a_file_that_changes_meanwhile_is_not_kept_under_its_old_hash(monkeypatch, tmp_path, end):
    path = tmp_path / "changing.h5"
    path.write_bytes((keras_files() / "plain.h5").read_bytes())
    file, cache = KerasFile(path, sha256_of(path)), tmp_path / "cache"

    def change(*_, **__):
        path.write_bytes((keras_files() / "plain.h5").read_bytes() + b"more")
        return b"", 0.0

    if end == "converted":
        monkeypatch.setattr(conversion, "in_sandbox", lambda *_, **__: None)
        monkeypatch.setattr(compiled, "check", change)
    else:
        fail_with(monkeypatch, parity.NoLiteRTError("LiteRT cannot."), change)
    with pytest.raises(
        ModelError, match=r"was changed while it was compiled\. Start again"
    ) as failed:
        open_compiled(file, Settings(cache=str(cache)))
    assert failed.value.public.startswith("changing.h5 was")
    assert left(cache) == []


def test_another_version_of_litert_compiles_again(model, no_conversion, monkeypatch):
    cache, file, _ = model
    settings = Settings(cache=str(cache))
    assert scores(open_compiled(file, settings))[0] == "LiteRT"
    versions = compiled._versions()
    assert LITERT.package in versions
    monkeypatch.setattr(compiled, "_versions", lambda: {**versions, LITERT.package: "0.1"})
    with pytest.raises(ModelError, match="tried again"):
        open_compiled(file, settings)


def test_whoever_watches_is_not_kept_waiting_for_another_model(monkeypatch, tmp_path):
    monkeypatch.setattr(progress, "PATIENCE_SECONDS", 0.01)
    folder = tmp_path / compiled.FOLDER
    folder.mkdir()
    with (
        FileLock(folder / compiled.LOCK_FILE),
        progress.listening(lambda _: None),
        pytest.raises(ModelError, match=r"plain\.h5 .* for somebody else\. Try again"),
    ):
        open_compiled(file_of("plain.h5"), Settings(cache=str(tmp_path)))


def test_one_file_has_a_compiled_form_for_each_size_and_architecture(tmp_path):
    said = [("", None), ("meso4", 64), ("meso4", 96), ("../../xception", 64)]
    keys = {KerasFile(tmp_path, "0" * 64, *one).key for one in said}
    assert len(keys) == len(said) and not any("/" in key for key in keys)


def test_without_a_cache_it_is_compiled_all_the_same(tmp_path):
    (tmp_path / "file").write_text("")
    opened = open_compiled(file_of("plain.h5"), Settings(cache=str(tmp_path / "file")))
    assert scores(opened)[0] == "LiteRT"
    assert "nothing can be kept in" in opened.remarks[-1]


def test_without_tensorflow_it_says_what_to_install(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(
        "deepfake.modelstore.backends.keras.find_spec", lambda name: name != "tensorflow" or None
    )
    code = cli.main(["detect", "photo.jpg", "--model", str(keras_files() / "plain.h5")])
    error = capsys.readouterr().err
    assert code == 1 and "tensorflow is missing" in error and "Compiling" not in error


def test_the_end_of_the_program_ends_the_conversion(tmp_path):
    file = file_of("plain.h5")
    code = f"""
from pathlib import Path
from deepfake.modelstore.compiling.compiled import KerasFile, open_compiled
from deepfake.settings import Settings
file = KerasFile(Path({str(file.path)!r}), {file.sha256!r})
open_compiled(file, Settings(cache={str(tmp_path)!r}))
"""
    program = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    assert "Compiling" in program.stderr.readline()
    converting = []
    while not converting:
        converting = psutil.Process(program.pid).children()
        time.sleep(0.05)
    program.kill()
    program.communicate()
    end = time.monotonic() + 30
    while any(is_running(child.pid) for child in converting) and time.monotonic() < end:
        time.sleep(0.1)
    assert not any(is_running(child.pid) for child in converting)


@pytest.mark.parametrize(
    ("level", "expected"),
    [pytest.param(None, "", id="not asked for"), pytest.param("0", "greeting\n", id="0")],
)
def test_what_tensorflow_prints_at_its_start_is_kept_off_the_terminal(tmp_path, level, expected):
    # Stand-ins, since TensorFlow takes seconds to start.
    (tmp_path / "h5py.py").write_text("")
    (tmp_path / "keras.py").write_text(
        "class backend: backend = staticmethod(lambda: 'tensorflow')"
    )
    (tmp_path / "tensorflow.py").write_text(
        "import os\n"
        "os.write(2, b'greeting\\n')\n"
        "class config: list_physical_devices = lambda: os.write(2, b'no GPU\\n')\n"
    )
    code = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
from deepfake.modelstore.backends.keras import _need_keras
_need_keras()
print("then", file=sys.stderr)
"""
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    if level is not None:
        environment["TF_CPP_MIN_LOG_LEVEL"] = level
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment
    )
    assert result.stderr == expected + "then\n"
