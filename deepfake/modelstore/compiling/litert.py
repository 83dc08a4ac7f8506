"""A Keras model → the bytes of a LiteRT file."""

from __future__ import annotations

from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras


def to_litert(model: keras.Model, *, half: bool = False) -> bytes:
    """Convert a model, with LiteRT's own operations alone.

    `keras.Model.export` makes the same file. It first writes a SavedModel with everything that the
    model may be used for; here it holds the one function (TensorFlow 2.21, Keras 3.15: 16 s of CPU
    in place of 37 for the default model, on a slow machine).

    Args:
        model: keras.Model. With one input of known size.
        half: bool. Whether its weights become float16.

    Returns:
        The file. Its signature has one input and the model's outputs by name.

    Raises:
        Exception: whatever TensorFlow raises where it has no LiteRT for an operation, or no room.
    """
    import tensorflow as tf

    (taken,) = model.inputs
    # Under a name of ours: TensorFlow does not take every name that Keras does.
    spec = tf.TensorSpec((None, *taken.shape[1:]), taken.dtype, "image")
    serve = tf.function(
        lambda picture: model(picture, training=False), input_signature=[spec], autograph=False
    )
    concrete = serve.get_concrete_function()
    held = tf.Module()
    # Keras need not know of all.
    held.captured = list(concrete.variables)
    with TemporaryDirectory() as folder:
        # Not by `from_concrete_functions`, which goes on without a signature if this fails.
        tf.saved_model.save(held, folder, signatures=concrete)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        # With TensorFlow's own operations in it, the file would need TensorFlow again.
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        converter.experimental_enable_resource_variables = True
        if half:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.target_spec.supported_types = [tf.float16]
        made: bytes = converter.convert()
    return made
