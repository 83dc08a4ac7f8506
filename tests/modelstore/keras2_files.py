"""Writes typical kinds of model files, as Keras 2 wrote them.

Keras 2 (`tf_keras`) and Keras 3 do not share a process, so the tests run this as a script:

    python tests/modelstore/keras2_files.py FOLDER

writes NAME.h5, NAME.keras and NAME.npz (`inputs`, `outputs`) for each of `KINDS` and `STEPS`, some
other files of the first ones, and weights of the two MesoNets. The builders take the keras module,
so that the tests can save the same networks with Keras 3.
"""

from __future__ import annotations

import pickle
import sys
from functools import partial
from importlib import import_module
from pathlib import Path


def sequential_cnn(keras):
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Input((32, 32, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(4, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(8, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(1, activation="sigmoid"),
        ]
    )


def functional_cnn(keras):
    layers = keras.layers
    inputs = layers.Input((32, 32, 3))
    scaled = layers.Rescaling(1 / 255)(inputs)
    x = layers.Conv2D(4, 3, padding="same", activation="relu")(scaled)
    side = layers.Conv2D(4, 1)(scaled)
    x = layers.add([x, side])
    x = layers.concatenate([x, layers.DepthwiseConv2D(3, padding="same")(x)])
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(2, activation="softmax")(x))


def mesonet(keras):
    """The public MesoNet code, at a smaller size."""
    inputs = keras.layers.Input((64, 64, 3))
    x = inputs
    for channels, kernel, pool in ((8, 3, 2), (8, 5, 2), (16, 5, 2), (16, 5, 4)):
        x = _convolution(keras, x, channels, kernel, pool)
    return _classify(keras, inputs, x)


def mesoinception(keras):
    """MesoInception-4 of the same code."""
    layers = keras.layers
    inputs = layers.Input((64, 64, 3))
    x = inputs
    for a, b, c, d in ((1, 4, 4, 2), (2, 4, 4, 2)):
        x1 = layers.Conv2D(a, 1, padding="same", activation="relu")(x)
        x2 = layers.Conv2D(b, 1, padding="same", activation="relu")(x)
        x2 = layers.Conv2D(b, 3, padding="same", activation="relu")(x2)
        x3 = layers.Conv2D(c, 1, padding="same", activation="relu")(x)
        x3 = layers.Conv2D(c, 3, dilation_rate=2, padding="same", activation="relu")(x3)
        x4 = layers.Conv2D(d, 1, padding="same", activation="relu")(x)
        x4 = layers.Conv2D(d, 3, dilation_rate=3, padding="same", activation="relu")(x4)
        x = layers.BatchNormalization()(layers.Concatenate(axis=-1)([x1, x2, x3, x4]))
        x = layers.MaxPooling2D(2, padding="same")(x)
    for pool in (2, 4):
        x = _convolution(keras, x, 16, 5, pool)
    return _classify(keras, inputs, x)


def _convolution(keras, x, channels, kernel, pool):
    x = keras.layers.Conv2D(channels, kernel, padding="same", activation="relu")(x)
    x = keras.layers.BatchNormalization()(x)
    return keras.layers.MaxPooling2D(pool, padding="same")(x)


def _classify(keras, inputs, x):
    layers = keras.layers
    x = layers.Dropout(0.5)(layers.Flatten()(x))
    x = layers.LeakyReLU(0.1)(layers.Dense(16)(x))
    return keras.Model(inputs, layers.Dense(1, activation="sigmoid")(layers.Dropout(0.5)(x)))


def mobilenet_in_sequential(keras):
    layers = keras.layers
    base = keras.applications.MobileNet(
        input_shape=(32, 32, 3), include_top=False, weights=None, alpha=0.25
    )
    return keras.Sequential(
        [base, layers.GlobalAveragePooling2D(), layers.Dense(1, activation="sigmoid")]
    )


def mobilenetv2_augmented(keras):
    layers = keras.layers
    augmentation = keras.Sequential(
        [layers.RandomFlip("horizontal"), layers.RandomRotation(0.1), layers.RandomZoom(0.1)]
    )
    base = keras.applications.MobileNetV2(
        input_shape=(32, 32, 3), include_top=False, weights=None, alpha=0.35
    )
    base.trainable = False
    inputs = layers.Input((32, 32, 3))
    x = layers.RandomContrast(0.2)(augmentation(inputs))
    x = layers.Rescaling(1 / 127.5, offset=-1)(x)
    x = layers.GlobalAveragePooling2D()(base(x, training=False))
    return keras.Model(inputs, layers.Dense(1)(layers.Dropout(0.2)(x)))


def _code(keras, name):
    """Keras's own module of a family of networks, whose blocks make shorter ones."""
    return import_module(f"{keras.__name__}.src.applications.{name}")


def _base(keras, build, side, last):
    base = build(input_shape=(side, side, 3), include_top=False, weights=None)
    return keras.Model(base.input, base.get_layer(last).output) if last else base


def _nested(keras, build, side, last=""):
    layers = keras.layers
    inputs = layers.Input((side, side, 3))
    x = layers.GlobalAveragePooling2D()(_base(keras, build, side, last)(inputs))
    return keras.Model(inputs, layers.Dense(1, activation="sigmoid")(x))


def _flat(keras, build, side, last=""):
    layers = keras.layers
    base = _base(keras, build, side, last)
    x = layers.GlobalAveragePooling2D()(base.output)
    x = layers.Dense(8, activation="relu")(x)
    return keras.Model(base.input, layers.Dense(2, activation="softmax")(x))


def efficientnetb0(keras):
    return _nested(keras, keras.applications.EfficientNetB0, 32)


# Short ones are cut off after some blocks, or repeat them less: a fraction of the time and size.
def short_efficientnetv2(keras):
    code = _code(keras, "efficientnet_v2")
    blocks = code.DEFAULT_BLOCKS_ARGS["efficientnetv2-b0"]
    build = partial(code.EfficientNetV2, 1.0, 0.1, 32, blocks_args=blocks)
    return _nested(keras, build, 32)


def short_resnet(keras):
    code = _code(keras, "resnet")
    stack = code.stack1 if hasattr(code, "stack1") else code.stack_residual_blocks_v1

    def blocks(x):
        return stack(stack(x, 16, 2, stride1=1, name="conv2"), 32, 1, name="conv3")

    return _flat(keras, partial(code.ResNet, blocks, False, True), 32)


def vgg16(keras):
    return _flat(keras, keras.applications.VGG16, 32)


def short_xception(keras):
    return _nested(keras, keras.applications.Xception, 71, last="block3_sepconv1_act")


def short_densenet(keras):
    return _flat(keras, partial(_code(keras, "densenet").DenseNet, [2, 1, 1, 1]), 32)


def short_inceptionv3(keras):
    return _flat(keras, keras.applications.InceptionV3, 75, last="mixed0")


def short_inceptionresnetv2(keras):
    code = _code(keras, "inception_resnet_v2")
    block = code.inception_resnet_block

    def first(x, block_idx, **options):
        return block(x, block_idx=block_idx, **options) if block_idx == 1 else x

    code.inception_resnet_block = first
    try:
        return _flat(keras, code.InceptionResNetV2, 75, last="block17_1_ac")
    finally:
        code.inception_resnet_block = block


def lambda_layer(keras):
    layers = keras.layers
    inputs = layers.Input((32, 32, 3))
    x = layers.Lambda(lambda pixels: pixels / 255.0)(inputs)
    return keras.Model(inputs, layers.Dense(1, activation="sigmoid")(layers.Flatten()(x)))


def operator_on_tensor(keras):
    layers = keras.layers
    inputs = layers.Input((32, 32, 3))
    x = layers.Conv2D(4, 3, activation="relu")(inputs / 127.5 - 1.0)
    return keras.Model(inputs, layers.Dense(1, activation="sigmoid")(layers.Flatten()(x)))


def mixed_precision(keras):
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        return functional_cnn(keras)
    finally:
        keras.mixed_precision.set_global_policy("float32")


def _prepared(keras, application):
    """With what `preprocess_input` does to a tensor in the network."""
    inputs = keras.layers.Input((32, 32, 3))
    prepared = getattr(keras.applications, application).preprocess_input(inputs)
    x = keras.layers.Flatten()(keras.layers.Conv2D(4, 3, activation="relu")(prepared))
    return keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(x))


def preprocess_input_of_mobilenetv2(keras):
    return _prepared(keras, "mobilenet_v2")


def preprocess_input_of_densenet(keras):
    return _prepared(keras, "densenet")


def preprocess_input_of_resnet50(keras):
    return _prepared(keras, "resnet50")


def operations_between_layers(keras):
    import numpy as np

    if "tf" in keras.__name__:
        import tensorflow as tf

        relu, concat, mean, resize = tf.nn.relu, tf.concat, tf.reduce_mean, tf.image.resize
    else:
        from keras import ops

        relu, concat, mean, resize = ops.relu, ops.concatenate, ops.mean, ops.image.resize
    layers = keras.layers
    inputs = layers.Input((32, 32, 3))
    turned = resize(inputs, (24, 24))[..., ::-1] / np.float32([51, 77, 102])
    a, b = layers.Conv2D(4, 3)(turned), layers.Conv2D(4, 3)(1.0 - turned)
    x = mean(concat([relu(a + b), a * b, a - b], axis=-1), axis=[1, 2])
    return keras.Model(inputs, layers.Dense(1, activation="sigmoid")(x))


def rarer_layers(keras):
    layers = keras.layers
    inputs = layers.Input((32, 32, 3))
    x = layers.Conv2D(4, 3, strides=8, activation="hard_sigmoid")(inputs)
    x = layers.Conv2DTranspose(4, 2)(x)
    if "tf" in keras.__name__:
        x = layers.ThresholdedReLU(0.1)(x)
    x = layers.Reshape((-1, 4))(x)
    x = layers.MultiHeadAttention(2, 2)(x, x, key=x)
    x = layers.TimeDistributed(layers.Dense(4))(layers.Attention()([x, x]))
    x = layers.Bidirectional(layers.GRU(3, recurrent_activation="hard_sigmoid"))(x)
    x = layers.Rescaling(40.0, offset=-20.0)(layers.Activation("hard_sigmoid")(x))
    return keras.Model(inputs, layers.Dense(1, activation="sigmoid")(x))


KINDS = {
    build.__name__: build
    for build in (
        sequential_cnn, functional_cnn, mesonet, mobilenet_in_sequential, mobilenetv2_augmented,
        efficientnetb0, short_efficientnetv2, short_resnet, vgg16, short_xception, short_densenet,
        short_inceptionv3, short_inceptionresnetv2, lambda_layer, operator_on_tensor,
    )
}  # fmt: skip
# What else people have between and around their layers.
STEPS = {
    build.__name__: build
    for build in (
        mixed_precision, preprocess_input_of_mobilenetv2, preprocess_input_of_densenet,
        preprocess_input_of_resnet50, operations_between_layers, rarer_layers,
    )
}  # fmt: skip


def pictures(side, count=3):
    """Inputs in 0..255 of different colours, the same in each process."""
    import numpy as np

    random = np.random.default_rng(side)
    noise = random.random((count, side, side, 3), np.float32)
    return noise * random.uniform(0, 255, (count, 1, 1, 3)).astype(np.float32)


def answers(keras, model):
    """A network's inputs and outputs, after it got weights that all of them depend on.

    A fresh one that is deep answers 0.5 to everything, and whatever were read wrongly, no test
    would see it.
    """
    import numpy as np

    random = np.random.default_rng(1)
    model.set_weights([
        each + random.uniform(-0.3, 0.3, each.shape).astype(each.dtype)
        if each.ndim == 1 and each.dtype.kind == "f" else each
        for each in model.get_weights()
    ])  # fmt: skip
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()
    many = pictures(model.input_shape[1], 16)
    # Frozen ones first, since they learn nothing in the network around them.
    for network in (*(layer for layer in model.layers if hasattr(layer, "layers")), model):
        _normalize(keras, network, many if network is model else many / 127.5 - 1)
    inputs = many[:3]
    outputs = np.asarray(model(inputs, training=False))
    assert np.ptp(outputs, axis=0).min() > 1e-3, f"{outputs}: the same for every picture"
    return {"inputs": inputs, "outputs": outputs}


def _normalize(keras, network, inputs):
    """Let each batch normalization learn the mean and variance of what comes to it."""
    kinds = {
        keras.layers.BatchNormalization: {"trainable": True, "momentum": 0.0},
        keras.layers.Dropout: {"rate": 0.0},
    }
    before = []
    for layer in network._flatten_layers():
        for name, value in kinds.get(type(layer), {}).items():
            before.append((layer, name, getattr(layer, name)))
            setattr(layer, name, value)
    network(inputs, training=True)
    for layer, name, value in before:
        setattr(layer, name, value)


def main(folder):
    import numpy as np
    import tf_keras

    for name, build in {**KINDS, **STEPS, "mesoinception": mesoinception}.items():
        tf_keras.backend.clear_session()
        tf_keras.utils.set_random_seed(1)
        model = build(tf_keras)
        np.savez(folder / f"{name}.npz", **answers(tf_keras, model))
        # As people save them: compiled, with an optimizer and metrics.
        model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
        if name == "sequential_cnn":
            model.save(folder / name, save_format="tf")
            with (folder / f"{name}.pkl").open("wb") as file:
                pickle.dump(model, file)
        if name.startswith("meso"):
            model.save_weights(folder / f"{name}_weights.h5")
        if name != "mesoinception":
            model.save(folder / f"{name}.h5")
            try:
                model.save(folder / f"{name}.keras")
            except TypeError:
                # It cannot write the dots of x[..., ::-1] there.
                (folder / f"{name}.keras").unlink(missing_ok=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
