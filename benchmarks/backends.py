"""One network, every way to run it, in one run: python benchmarks/backends.py.

`model.predict` is what most demos do; the LiteRT row is what `deepfake` serves of the same `.h5`
file once it is compiled. The networks are full size with random weights. Each way runs in turns
with the others, because machines are noisy. The ONNX row needs torch, onnx and onnxruntime. The
exit code is 1 if LiteRT is less than 5 times as fast as `predict` for the first network.
"""

from __future__ import annotations

import argparse
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import keras
import numpy as np

from deepfake.files.digest import sha256_of
from deepfake.modelstore.answers import Answers
from deepfake.modelstore.backends.keras import open_keras
from deepfake.modelstore.compiling.compiled import KerasFile, open_compiled
from deepfake.settings import Settings

SIZE = 224
NETWORKS = {
    "EfficientNetV2-B0": keras.applications.EfficientNetV2B0,
    "MobileNetV3-Large": keras.applications.MobileNetV3Large,
}
WARM_UP = 3
WANTED_RATIO = 5.0
PREDICT, LITERT = "model.predict", "LiteRT, compiled"
EXPORT = """
import sys
import keras
import numpy as np
model = keras.saving.load_model(sys.argv[1], compile=False)
model(np.zeros((1, *model.input_shape[1:]), np.float32))
model.export(sys.argv[2], format="onnx", verbose=False)
"""
Call = Callable[[], np.ndarray]


def ways(build: Callable[..., keras.Model], folder: Path) -> dict[str, Call]:
    """Each way to score one face, ready to be called; prints why where one is missing."""
    features = build(weights=None, include_top=False, pooling="avg", input_shape=(SIZE, SIZE, 3))
    picture = np.random.default_rng(0).uniform(0, 255, (1, SIZE, SIZE, 3)).astype(np.float32)
    seen = np.asarray(features(picture, training=False)).ravel()
    # Random networks let their signal fade away; without this all ways would say exactly 0.5.
    scale = keras.initializers.RandomNormal(stddev=1 / float(np.linalg.norm(seen)))
    head = keras.layers.Dense(1, activation="sigmoid", kernel_initializer=scale)
    model = keras.Model(features.input, head(features.output))
    model(picture, training=False)
    path = folder / "model.h5"
    model.save(path)

    settings = Settings(cache=str(folder / "cache"))
    opened = open_keras(path, settings)
    sha256 = sha256_of(path)
    manifest = Answers(positive="fake").complete(opened.network, "benchmark", {path.name: sha256})
    graph = opened.backend(manifest, settings)
    compiled = open_compiled(KerasFile(path, sha256), settings)
    served = compiled.backend(manifest, settings)
    found: dict[str, Call] = {
        PREDICT: lambda: model.predict(picture, verbose=0),
        "model(x), eager": lambda: np.asarray(model(picture, training=False)),
        "tf.function (Keras backend)": lambda: graph.scores(picture).raw,
    }
    if served.name == "LiteRT":
        found[LITERT] = lambda: served.scores(picture).raw
    else:
        print(f"  {LITERT}: {' '.join(compiled.remarks)}")
    try:
        model.save(path.with_suffix(".keras"))
        found["ONNX Runtime"] = onnx(path.with_suffix(".keras"), settings.threads, picture)
    except (subprocess.CalledProcessError, ImportError) as error:
        lines = (getattr(error, "stderr", "") or str(error)).strip().splitlines()
        print(f"  ONNX Runtime: not measured: {lines[-1]}")
    return found


def onnx(path: Path, threads: int, picture: np.ndarray) -> Call:
    """The same network in ONNX Runtime, with as many threads as LiteRT.

    Keras exports it through PyTorch, in another process; with TensorFlow it goes through tf2onnx,
    whose files of these networks do not run.
    """
    import onnxruntime

    exported = path.with_suffix(".onnx")
    subprocess.run(
        [sys.executable, "-c", EXPORT, str(path), str(exported)],
        check=True, capture_output=True, text=True, env={**os.environ, "KERAS_BACKEND": "torch"},
    )  # fmt: skip
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(exported, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda: session.run(None, {name: picture})[0]


def measure(calls: dict[str, Call], repeats: int, rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each call."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            for _ in range(WARM_UP):
                call()
            for _ in range(repeats):
                start = time.perf_counter()
                call()
                times[name].append(1000 * (time.perf_counter() - start))
    return times


def main() -> int:
    """Print a table for each network."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=20, help="calls a round (default: 20)")
    parser.add_argument("--rounds", type=int, default=3, help="default: 3")
    parser.add_argument("--network", choices=NETWORKS, action="append", help="default: all")
    options = parser.parse_args()
    logging.getLogger("absl").setLevel(logging.ERROR)  # .h5 is what is measured
    code = 0
    for name in options.network or NETWORKS:
        print(f"{name}, {SIZE} × {SIZE}, one face, {Settings().threads} threads", flush=True)
        keras.utils.set_random_seed(0)
        with tempfile.TemporaryDirectory() as folder:
            calls = ways(NETWORKS[name], Path(folder))
            expected = calls[PREDICT]()
            differences = {n: np.abs(np.ravel(c()) - expected).max() for n, c in calls.items()}
            times = measure(calls, options.repeats, options.rounds)
        median = {way: statistics.median(values) for way, values in times.items()}
        print(f"  {'':<28} {'median ms':>10} {'× predict':>10} {'difference':>11}")
        for way, milliseconds in median.items():
            ratio = median[PREDICT] / milliseconds
            print(f"  {way:<28} {milliseconds:10.1f} {ratio:10.1f} {differences[way]:11.1e}")
        if name == next(iter(NETWORKS)):
            fast = median.get(LITERT, float("inf"))
            reached = median[PREDICT] / fast >= WANTED_RATIO
            print(f"  LiteRT at least {WANTED_RATIO:.0f} × as fast as predict: {reached}")
            code = 0 if reached else 1
    return code


if __name__ == "__main__":
    sys.exit(main())
