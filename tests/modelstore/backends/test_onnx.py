"""ONNX files of the forms that people have, run by ONNX Runtime."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from deepfake.errors import ModelError
from deepfake.manifest import Output
from deepfake.modelstore.answers import Answers
from deepfake.modelstore.backends.onnx import open_onnx
from deepfake.settings import Settings

try:
    import onnxruntime

    from tests.modelstore.onnx_files import classifier, manifest
    from tests.modelstore.tiny_onnx import channel_means
except ImportError as error:
    message = f"{error.name} is missing, so ONNX models were NOT tested. pip install onnxruntime"
    if os.environ.get("CI") == "true":
        raise
    pytest.skip(message, allow_module_level=True)

SETTINGS = Settings()


def by_hand(path, batch, name="pixel_values"):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    fixed = session.get_inputs()[0].shape[0]
    step = fixed if isinstance(fixed, int) else len(batch)
    return np.concatenate(
        [session.run(None, {name: batch[i : i + step]})[0] for i in range(0, len(batch), step)]
    )


@pytest.mark.parametrize(
    "shape",
    [
        ("batch_size", "num_channels", "height", "width"),
        ("n", 3, 32, 32),
        (1, 3, 32, 32),
        (None, 32, 32, 3),
        (1, "h", "w", 3),
    ],
)
def test_any_layout_and_batch_gives_the_scores_of_onnx_runtime(tmp_path, shape):
    path = classifier(tmp_path / "m.onnx", shape=shape)
    opened = open_onnx(path, SETTINGS, size=32)
    assert opened.network.size == 32
    batch = np.random.default_rng(2).normal(size=(11, 32, 32, 3)).astype(np.float32)
    fed = batch if shape[-1] == 3 else batch.transpose(0, 3, 1, 2)
    expected = by_hand(path, np.ascontiguousarray(fed))
    found = opened.backend(manifest(opened.network), SETTINGS).scores(batch)
    np.testing.assert_allclose(found.raw, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("columns", "end", "kind"),
    [(1, "", "logit"), (1, "Sigmoid", "sigmoid"), (2, "", "logits"), (2, "Softmax", "softmax")],
)
def test_what_the_output_is_shows_in_what_it_returns(tmp_path, columns, end, kind):
    path = classifier(tmp_path / "m.onnx", shape=(1, 3, 32, 32), columns=columns, end=end)
    opened = open_onnx(path, SETTINGS)
    assert opened.network.kind == kind
    raw = opened.backend(manifest(opened.network), SETTINGS).scores(
        np.ones((3, 32, 32, 3), np.float32)
    ).raw  # fmt: skip
    assert raw.shape == ((3,) if columns == 1 else (3, 2)) and raw.dtype == np.float32


def test_half_precision_is_fed_and_read(tmp_path):
    path = classifier(tmp_path / "m.onnx", shape=("n", 3, 32, 32), dtype=np.float16)
    opened = open_onnx(path, SETTINGS)
    batch = np.random.default_rng(2).uniform(size=(3, 32, 32, 3)).astype(np.float32)
    found = opened.backend(manifest(opened.network), SETTINGS).scores(batch).raw
    half = np.ascontiguousarray(batch.transpose(0, 3, 1, 2), np.float16)
    np.testing.assert_allclose(found, by_hand(path, half), atol=1e-3)


def test_of_several_outputs_the_logits_are_taken(tmp_path):
    outputs = ("hidden", "logits")
    opened = open_onnx(classifier(tmp_path / "m.onnx", outputs=outputs), SETTINGS, size=32)
    assert opened.network.score == "logits"
    path = classifier(tmp_path / "n.onnx", outputs=("a", "b"))
    several = open_onnx(path, SETTINGS, size=32)
    with pytest.raises(ModelError, match=r"several outputs.*a \(logits of 2\), b .*--score NAME"):
        Answers(positive="fake").complete(several.network, "n", {"n.onnx": "0" * 64})
    told = Answers(positive="fake", score="b").complete(several.network, "n", {"n.onnx": "0" * 64})
    batch = np.random.default_rng(0).random((2, 32, 32, 3), np.float32)
    raw = several.backend(told, SETTINGS).scores(batch).raw
    one = opened.backend(manifest(opened.network), SETTINGS).scores(batch).raw
    assert told.output.score == "b" and raw.shape == one.shape


def test_threads_share_a_backend(tmp_path):
    path = classifier(tmp_path / "m.onnx", shape=("n", 3, 32, 32))
    opened = open_onnx(path, SETTINGS)
    backend = opened.backend(manifest(opened.network), SETTINGS)
    batches = [np.full((9, 32, 32, 3), value, np.float32) for value in range(8)]
    alone = [backend.scores(batch).raw for batch in batches]
    together = [None] * len(batches)

    def run(index):
        together[index] = backend.scores(batches[index]).raw

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(batches))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_array_equal(together, alone)


@pytest.mark.parametrize(
    ("made", "size", "expected"),
    [
        ({}, None, "--size"),
        ({"shape": (1, 3, 32, 32)}, 64, "not of 64 × 64"),
        ({"shape": (1, 3, 32, 48)}, None, "48 × 32 pixels. Only square"),
        ({"shape": (1, 4, 32, 32)}, None, "neither 3 channels"),
        ({"shape": (1, 3, 8, 8)}, None, "only 16 to 2048"),
        ({"columns": 1000}, 32, "one number a picture, or one of each class"),
        ({"bias": np.nan}, 32, "not a number"),
        ({"external": "../weights.bin"}, 32, "outside its own folder"),
        ({"external": "/etc/hostname"}, 32, "outside its own folder"),
    ],
)
def test_what_cannot_be_used_gets_a_sentence(tmp_path, made, size, expected):
    (tmp_path / "weights.bin").write_bytes(b"\0" * 24)
    folder = tmp_path / "model"
    folder.mkdir()
    with pytest.raises(ModelError, match=expected):
        open_onnx(classifier(folder / "m.onnx", **made), SETTINGS, size=size)


def test_missing_weights_and_damaged_files_get_a_sentence(tmp_path):
    path = classifier(tmp_path / "m.onnx", external="m.onnx_data")
    (tmp_path / "m.onnx_data").unlink()
    with pytest.raises(ModelError, match=r"m\.onnx_data, which is not beside it"):
        open_onnx(path, SETTINGS, size=32)
    path.write_bytes(b"\x08\x09" + b"garbage" * 100)
    with pytest.raises(ModelError, match="damaged or is not an ONNX model"):
        open_onnx(path, SETTINGS, size=32)


def test_a_manifest_that_does_not_fit_gets_a_sentence(tmp_path):
    opened = open_onnx(classifier(tmp_path / "m.onnx", shape=(1, 3, 32, 32)), SETTINGS)
    for output, expected in (
        (Output(kind="sigmoid"), "1 number"),
        (Output(kind="logits", score="score"), "does not have"),
    ):
        with pytest.raises(ModelError, match=expected):
            opened.backend(manifest(opened.network, output=output), SETTINGS)


def test_without_onnx_runtime_it_is_named(tmp_path):
    path = classifier(tmp_path / "m.onnx")
    code = (
        "import sys; sys.modules['onnxruntime'] = None\n"
        "from pathlib import Path\n"
        "from deepfake.modelstore.backends.onnx import open_onnx\n"
        "from deepfake.settings import Settings\n"
        f"open_onnx(Path({str(path)!r}), Settings())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "pip install onnxruntime" in done.stderr


def test_grey_pictures_and_several_classes_can_be_used(tmp_path):
    path = channel_means(tmp_path / "m.onnx", [[0.0, 2.0, 1.0]], softmax=True)
    opened = open_onnx(path, Settings())
    network = opened.network
    assert (network.channels, network.classes, network.kind) == (1, 3, "softmax")
    said = Answers(labels="live,print,replay", positive="print,replay", scale="0..1")
    manifest = said.complete(network, "m", {"m.onnx": "0" * 64})
    raw = opened.backend(manifest, Settings()).scores(np.ones((2, 32, 32, 1), np.float32)).raw
    expected = np.exp([0.0, 2.0, 1.0]) / np.exp([0.0, 2.0, 1.0]).sum()
    np.testing.assert_allclose(raw, [expected] * 2, atol=1e-5)
