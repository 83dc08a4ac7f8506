"""Mixed precision where the device has it: 16-bit arithmetic, 32-bit weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras
import tensorflow as tf

# Compute capabilities of Nvidia GPUs from which on 16-bit numbers pay.
FLOAT16_FROM, BFLOAT16_FROM = (7, 0), (8, 0)


def policy(choice: str) -> str:
    """The Keras dtype policy for this machine.

    Args:
        choice: str. "on", "off", or "auto" for 16 bits only on a GPU that is faster with them.

    Returns:
        "float32", "mixed_float16" or "mixed_bfloat16".
    """
    if choice == "off":
        return "float32"
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return "mixed_bfloat16" if choice == "on" else "float32"
    details = [tf.config.experimental.get_device_details(gpu) for gpu in gpus]
    oldest = min(detail.get("compute_capability", (0, 0)) for detail in details)
    if oldest >= BFLOAT16_FROM:
        # Its range is that of float32, so gradients need no loss scaling.
        return "mixed_bfloat16"
    return "mixed_float16" if choice == "on" or oldest >= FLOAT16_FROM else "float32"


@contextmanager
def using(name: str) -> Iterator[None]:
    """Build layers with a dtype policy, then go back to the one before."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
