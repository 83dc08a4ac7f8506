"""The rules that make descriptions of Keras 2 readable, one by one."""

import json

import h5py
import pytest

from deepfake.errors import ModelError
from deepfake.modelstore.keras2 import functions, rewriting


def layer(kind, name="layer", inbound=None, **options):
    made = {"class_name": kind, "config": {"name": name, **options}, "name": name}
    return made if inbound is None else {**made, "inbound_nodes": inbound}


def functional(*layers, inputs="image", outputs="score", **options):
    ends = {"input_layers": [[inputs, 0, 0]], "output_layers": [[outputs, 0, 0]]}
    return {
        "class_name": "Functional",
        "config": {"name": "model", "layers": list(layers), **ends, **options},
    }


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        ("DepthwiseConv2D", {"groups": 1, "strides": [1, 1]}, {"strides": [1, 1]}),
        ("SeparableConv2D", {"groups": 1, "kernel_initializer": {}}, {}),
        ("Conv2D", {"groups": 2}, {"groups": 2}),
        ("Conv2DTranspose", {"groups": 1, "filters": 3}, {"filters": 3}),
        ("Conv2DTranspose", {"groups": 2}, {"groups": 2}),
        ("LSTM", {"time_major": False, "units": 3}, {"units": 3}),
        ("LSTM", {"time_major": True}, {"time_major": True}),
        ("Attention", {"score_mode": "dot"}, {}),
        ("Attention", {"score_mode": "concat"}, {"score_mode": "concat"}),
        ("Activation", {"activation": "hard_sigmoid"}, {"activation": functions.HARD_SIGMOID}),
        ("RandomFlip", {"rng_type": "stateful", "mode": "horizontal"}, {"mode": "horizontal"}),
        ("BatchNormalization", {"axis": [3]}, {"axis": 3}),
        ("BatchNormalization", {"axis": 3}, {"axis": 3}),
        ("InputLayer", {"batch_input_shape": [None, 8]}, {"batch_shape": [None, 8]}),
        ("Dense", {"batch_input_shape": [None, 8], "units": 1}, {"units": 1}),
    ],
)
def test_options_of_a_layer_are_rewritten(kind, before, after):
    config = functional(layer(kind, **before))
    changes = rewriting.modernise(config)
    assert config["config"]["layers"][0]["config"] == {"name": "layer", **after}
    if before != after:
        assert any(kind.removesuffix("Flip").lower()[:5] in change.lower() or "input" in change
                   for change in changes)  # fmt: skip


def test_single_ends_are_unwrapped_and_several_are_not():
    config = functional()
    rewriting.modernise(config)
    assert config["config"]["input_layers"] == ["image", 0, 0]
    config = functional(input_layers=[["a", 0, 0], ["b", 0, 0]])
    rewriting.modernise(config)
    assert config["config"]["input_layers"] == [["a", 0, 0], ["b", 0, 0]]


@pytest.mark.parametrize(("used", "expected"), [([1, 2], [0, 1]), ([0, 1], [0, 1])])
def test_uses_of_a_nested_network_are_counted_from_0(used, expected):
    inner = {**functional(), "name": "base"}
    inner["config"]["name"] = "base"
    uses = [layer("Dense", f"dense{index}", [[["base", index, 0, {}]]], units=1) for index in used]
    other = layer("Dense", "other", [[["image", 1, 0, {}]]], units=1)
    config = functional(inner, *uses, other)
    rewriting.modernise(config)
    nodes = [each["inbound_nodes"][0][0] for each in config["config"]["layers"][1:]]
    assert [node[1] for node in nodes] == [*expected, 1]


def test_layers_inside_wrappers_and_nested_networks_are_rewritten_too():
    wrapped = layer("TimeDistributed", layer=layer("DepthwiseConv2D", "inside", groups=1))
    config = functional({**functional(wrapped), "name": "base"})
    rewriting.modernise(config)
    assert "groups" not in json.dumps(config)


def test_a_sequential_from_before_keras_2_4_gets_its_input_layer():
    first = layer("Dense", "dense", units=1, batch_input_shape=[None, 8])
    config = {"class_name": "Sequential", "config": [first]}
    rewriting.modernise(config)
    assert [each["class_name"] for each in config["config"]["layers"]] == ["InputLayer", "Dense"]
    assert config["config"]["layers"][0]["config"]["batch_shape"] == [None, 8]


def test_names_with_a_stroke_are_rewritten_with_their_references():
    config = functional(
        layer("Conv2D", "conv1/conv", [[["image", 0, 0, {}]]]),
        layer("Conv2D", "conv1_conv", [[["conv1/conv", 0, 0, {}]]]),
        outputs="conv1/conv",
    )
    rewriting.modernise(config)
    first, second = config["config"]["layers"]
    assert "/" not in json.dumps(config) and first["name"] != second["name"]
    assert second["inbound_nodes"][0][0][0] == first["name"] == first["config"]["name"]
    assert config["config"]["output_layers"][0] == first["name"]


def test_layers_of_the_same_name_are_refused_and_thousands_renamed_get_names_of_their_own():
    with pytest.raises(ValueError, match="same name"):
        rewriting.modernise(functional(*[layer("Dense", name="a/")] * 2))
    many = [layer("Dense", name=f"a{'/' * i}{'_' * (40 - i)}") for i in range(1, 40)]
    config = functional(*many)
    rewriting.modernise(config)
    names = [one["name"] for one in config["config"]["layers"]]
    assert len(set(names)) == len(names) and not any("/" in name for name in names)


@pytest.mark.parametrize(
    ("function", "constant", "expected"),
    [
        ("math.truediv", 127.5, (1 / 127.5, 0.0)),
        ("math.subtract", 1.0, (1.0, -1.0)),
        ("math.multiply", 2, (2, 0.0)),
        ("__operators__.add", [1.0, 2.0, 3.0], (1.0, [1.0, 2.0, 3.0])),
    ],
)
def test_arithmetic_with_a_constant_becomes_a_rescaling_layer(function, constant, expected):
    node = ["image", 0, 0, {"y": constant, "name": None}]
    config = functional(layer("TFOpLambda", "step", [node], function=function))
    rewriting.modernise(config)
    step = config["config"]["layers"][0]
    assert step["class_name"] == "Rescaling"
    assert (step["config"]["scale"], step["config"]["offset"]) == expected
    assert step["inbound_nodes"] == [[["image", 0, 0, {}]]]


@pytest.mark.parametrize(
    ("function", "node", "expected"),
    [
        ("math.subtract", ["_CONSTANT_VALUE", -1, 1.0, {"y": ["image", 0, 0], "name": None}],
         ("Subtract", {}, [1.0, "image"])),
        ("math.subtract", ["image", 0, 0, {"y": ["other", 0, 0], "name": None}],
         ("Subtract", {}, ["image", "other"])),
        ("math.pow", ["image", 0, 0, {"y": 2.0, "name": None}], ("Power", {}, ["image", 2.0])),
        ("nn.relu", ["image", 0, 0, {}], ("Relu", {}, ["image"])),
        ("cast", ["image", 0, 0, {"dtype": "float32"}], ("Cast", {"dtype": "float32"}, ["image"])),
        ("nn.bias_add", ["image", 0, 0, {"bias": [1.0, 2.0], "data_format": "NHWC"}],
         ("Add", {}, ["image", [1.0, 2.0]])),
        ("concat", [["image", 0, 0, {"axis": -1}], ["other", 0, 0, {"axis": -1}]],
         ("Concatenate", {"axis": -1}, [["image", "other"]])),
        ("math.reduce_mean", ["image", 0, 0, {"axis": [1, 2]}],
         ("Mean", {"axis": [1, 2]}, ["image"])),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_known_operations_become_those_of_keras_3(function, node, expected):
    config = functional(layer("TFOpLambda", "step", [node], function=function))
    rewriting.modernise(config)
    step = config["config"]["layers"][0]
    name, options, arguments = expected
    assert (step["class_name"], step["config"]) == (name, {"name": "step", **options})
    assert step["module"].startswith("keras.src.ops.")
    (made,) = step["inbound_nodes"]
    assert [plain(one) for one in made["args"]] == arguments and made["kwargs"] == {}


def plain(argument):
    match argument:
        case {"class_name": "__keras_tensor__", "config": {"keras_history": [name, 0, 0]}}:
            return name
        case {"class_name": "__tensor__", "config": {"value": value}}:
            return value
    return [plain(one) for one in argument] if isinstance(argument, list) else argument


@pytest.mark.parametrize(
    ("function", "node"),
    [
        ("math.truediv", ["image", 0, 0, {"y": ["_CONSTANT_VALUE", -1, 0], "name": None}]),
        ("nn.relu", ["image", 0, 0, {"unknown": 1}]),
        ("io.read_file", ["image", 0, 0, {}]),
        ("numpy_function", ["image", 0, 0, {"func": "os.system"}]),
        ("nn.bias_add", ["image", 0, 0, {"bias": [1.0], "data_format": "NCHW"}]),
    ],
)
def test_other_operations_are_left_to_be_refused(function, node):
    config = functional(layer("TFOpLambda", "step", [node], function=function))
    rewriting.modernise(config)
    assert config["config"]["layers"][0]["class_name"] == "TFOpLambda"


def written(path, config, version):
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = config
        file.attrs["keras_version"] = version
    return path


def test_each_change_is_told_once_with_how_often(tmp_path):
    layers = [layer("DepthwiseConv2D", f"layer{index}", groups=1) for index in range(3)]
    path = written(tmp_path / "model.h5", json.dumps(functional(*layers)), "2.15.0")
    assert [change for change in rewriting.rewrite(path) if "groups" in change] == [
        "left out 'groups' of DepthwiseConv2D, which Keras 3 does not have (3 times)"
    ]


def test_a_file_of_keras_3_is_left_as_it_is(tmp_path):
    config = json.dumps(functional(layer("BatchNormalization", axis=[3])))
    path = written(tmp_path / "model.h5", config, "3.15.1")
    assert rewriting.rewrite(path) == ()
    with h5py.File(path) as file:
        assert file.attrs["model_config"] == config


@pytest.mark.parametrize(
    "config", ["{", "[]", '{"class_name": "Functional", "config": {}}', "[" * 100_000]
)
def test_a_damaged_description_gets_a_sentence(tmp_path, config):
    with pytest.raises(ModelError, match="description of the network"):
        rewriting.rewrite(written(tmp_path / "model.h5", config, "2.15.0"))
