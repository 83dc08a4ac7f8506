"""Descriptions of networks that a kilobyte promises and no memory holds, by what makes them so."""

from tests.modelstore.hostile_files import layer, network

END = (layer("GlobalAveragePooling2D"), layer("Dense", units=1))


def functional(*steps):
    """Operations in a row after the input, as Keras 3 writes a functional network."""
    layers = [
        {
            "class_name": "InputLayer", "module": "keras.layers", "name": "in",
            "config": {"name": "in", "batch_shape": [None, 32, 32, 3]}, "inbound_nodes": [],
        }
    ]  # fmt: skip
    before, shape = "in", [None, 32, 32, 3]
    for index, (class_name, module, config) in enumerate(steps):
        name = f"step{index}"
        tensor = {
            "class_name": "__keras_tensor__",
            "config": {"shape": shape, "dtype": "float32", "keras_history": [before, 0, 0]},
        }
        layers.append(
            {
                "class_name": class_name, "module": module, "name": name,
                "config": {"name": name, **config}, "registered_name": None,
                "inbound_nodes": [{"args": [tensor], "kwargs": {}}],
            }
        )  # fmt: skip
        before = name
    config = {
        "name": "functional",
        "layers": layers,
        "input_layers": [["in", 0, 0]],
        "output_layers": [[before, 0, 0]],
    }
    return {
        "module": "keras.src.models.functional",
        "class_name": "Functional",
        "config": config,
        "registered_name": "Functional",
    }


def built(class_name, shape, **config):
    return layer(class_name, **config) | {"build_config": {"input_shape": shape}}


LARGE = {
    "build_config": network(layer("Flatten"), built("Dense", [None, 400_000_000], units=1)),
    "build_config of a convolution": network(
        built("Conv2D", [None, 8, 8, 60_000_000], filters=64, kernel_size=3), *END
    ),
    "UpSampling2D": network(layer("UpSampling2D", size=[900, 900]), *END),
    "several UpSampling2D": network(*[layer("UpSampling2D", size=[30, 30])] * 2, *END),
    "ZeroPadding2D": network(layer("ZeroPadding2D", padding=[[9_000] * 2] * 2), *END),
    "RepeatVector": network(
        layer("Flatten"),
        layer("RepeatVector", n=500_000),
        layer("GlobalAveragePooling1D"),
        layer("Dense", units=1),
    ),
    "Conv2DTranspose": network(
        layer("Conv2DTranspose", filters=4, kernel_size=2, strides=[400, 400]), *END
    ),
    "Resizing": network(layer("Resizing", height=16_000, width=16_000), *END),
    "Dense of many units": network(
        layer("Flatten"), layer("Dense", units=900_000), layer("Dense", units=1)
    ),
    "a network in TimeDistributed": network(
        layer("Reshape", target_shape=[1, 32, 32, 3]),
        layer(
            "TimeDistributed",
            layer=network(layer("UpSampling2D", size=[900, 900]), layer("GlobalAveragePooling2D")),
        ),
        layer("Flatten"),
        layer("Dense", units=1),
    ),
    "an operation": functional(
        ("Tile", "keras.src.ops.numpy", {"repeats": [1, 900, 900, 1]}),
        ("Mean", "keras.src.ops.numpy", {"axis": [1, 2]}),
    ),
    "an operation that pads": functional(
        ("Pad", "keras.src.ops.numpy", {"pad_width": [[0, 0], [0, 30_000], [0, 30_000], [0, 0]]}),
        ("Mean", "keras.src.ops.numpy", {"axis": [1, 2]}),
    ),
}
