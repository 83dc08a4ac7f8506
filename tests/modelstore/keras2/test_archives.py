"""`.keras` files of Keras 2, without Keras."""

import json
import zipfile

import pytest

from deepfake.errors import HostileModelError
from deepfake.modelstore.keras2 import archives


def archive(path, *layers):
    config = {"class_name": "Sequential", "config": {"name": "model", "layers": list(layers)}}
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("metadata.json", json.dumps({"keras_version": "2.15.0"}))
        file.writestr("config.json", json.dumps(config))
    return path


def layer(kind, module="keras.layers", registered=None, **config):
    return {
        "module": module, "class_name": kind, "registered_name": registered,
        "config": {"name": kind.lower(), **config}, "build_config": {"input_shape": [None, 8]},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("module", "registered"),
    [(None, "UnitNormalization"), ("my.layers", "Mine>UnitNormalization"),
     ("keras.layers", "Addons>UnitNormalization")],
)  # fmt: skip
def test_a_layer_of_the_authors_own_is_not_taken_for_keras_layer_of_that_name(
    tmp_path, module, registered
):
    path = archive(tmp_path / "a.keras", layer("UnitNormalization", module, registered))
    with pytest.raises(HostileModelError, match="only has the name of Keras's UnitNormalization"):
        archives.rewrite(path)


def test_keras_own_layers_are_found_by_name_and_in_wrappers_by_module(tmp_path):
    inner = layer("GRU", units=3, time_major=False)
    own = layer("CustomScaleLayer", "inception_resnet_v2", "Custom>CustomScaleLayer", scale=0.1)
    path = archive(tmp_path / "a.keras", layer("Dense"), layer("Bidirectional", layer=inner), own)
    assert archives.is_of_keras_2(path)
    archives.rewrite(path)
    with zipfile.ZipFile(path) as file:
        dense, around, _ = json.loads(file.read("config.json"))["config"]["layers"]
    assert "module" not in dense and "build_config" not in dense
    held = around["config"]["layer"]
    assert (held["module"], held["config"]) == ("keras.layers", {"name": "gru", "units": 3})
