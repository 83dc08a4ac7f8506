"""A trained network → `model.keras`, `model.tflite` and the proof that both say the same."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from deepfake.errors import TrainingError
from deepfake.modelstore.compiling.litert import to_litert

KERAS_FILE, LITERT_FILE = "model.keras", "model.tflite"
# float16 weights move a logit by about a thousandth; far more means a broken conversion. (The file
# of the default model was made int8 afterwards, docs/model-2/quantize.py, and is further away.)
MAX_LOGIT_DIFFERENCE = 0.05
PARITY_BATCH = 8


def export(network: keras.Model, folder: Path, sample: np.ndarray) -> float:
    """Write both files and compare them.

    The LiteRT file has float16 weights, or, of a network whose logits these would move too far,
    float32 ones: twice the size is no reason to lose a training.

    Args:
        network: keras.Model. As of `networks.build`.
        folder: Path. Where the files go.
        sample: float32 array (count, size, size, 3). Inputs to compare on.

    Returns:
        The largest difference between the logits of the two files.

    Raises:
        TrainingError: they differ in float32, too: the conversion went wrong.
    """
    network.save(folder / KERAS_FILE)
    (folder / LITERT_FILE).write_bytes(to_litert(network, half=True))
    try:
        return compare(folder, sample)
    except TrainingError:
        (folder / LITERT_FILE).write_bytes(to_litert(network))
        return compare(folder, sample)


def compare(folder: Path, sample: np.ndarray) -> float:
    """Largest difference between the logits of `model.keras` and `model.tflite`.

    Args:
        folder: Path. Holds both files.
        sample: float32 array (count, size, size, 3).

    Raises:
        TrainingError: the difference is too large.
    """
    from ai_edge_litert.interpreter import Interpreter

    network = keras.saving.load_model(folder / KERAS_FILE, compile=False)
    runner = Interpreter(str(folder / LITERT_FILE)).get_signature_runner("serving_default")
    (name,) = runner.get_input_details()
    worst = 0.0
    for start in range(0, len(sample), PARITY_BATCH):
        batch = sample[start : start + PARITY_BATCH]
        # At once: for so few batches a graph would take longer to make than to run.
        expected = keras.ops.convert_to_numpy(network(batch, training=False)["logit"])
        worst = max(worst, float(np.abs(runner(**{name: batch})["logit"] - expected).max()))
    if worst > MAX_LOGIT_DIFFERENCE:
        raise TrainingError(
            f"The exported LiteRT model differs from the Keras model by {worst:.3f} logits, more "
            f"than {MAX_LOGIT_DIFFERENCE}. Keep {KERAS_FILE} and report this."
        )
    return worst
