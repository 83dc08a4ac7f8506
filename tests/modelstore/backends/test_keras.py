"""Files of Keras 2 and 3, as people have them, through `open_keras`."""

import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import h5py
import numpy as np
import pytest

from deepfake.errors import ModelError
from deepfake.manifest import Calibration, Input, Labels, ModelManifest, Output
from deepfake.modelstore.answers import Answers
from deepfake.modelstore.backends import keras_messages
from deepfake.modelstore.backends.keras import _explained, load, open_keras
from deepfake.settings import Settings
from tests.modelstore import hostile_files, keras2_files

pytestmark = pytest.mark.tensorflow

SETTINGS = Settings()


@pytest.fixture(scope="module")
def keras2(tmp_path_factory):
    """Folder with files that Keras 2 wrote, in its own process."""
    folder = tmp_path_factory.mktemp("keras2")
    script = Path(keras2_files.__file__)
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, script, folder], env=environment, capture_output=True, text=True
    )
    if "No module named 'tf_keras'" in done.stderr:
        message = "tf_keras is missing, so files of Keras 2 were NOT tested. pip install tf_keras"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    assert done.returncode == 0, done.stderr
    yield folder
    shutil.rmtree(folder)


def manifest_of(network):
    columns = ("real", "fake")
    return ModelManifest(
        format=1, name="test", version="1", architecture=network.architecture,
        labels=Labels(order=columns, fake="fake"),
        input=Input(size=network.size, crop=1.3, mean=(0.0,) * 3, std=(255.0,) * 3),
        output=Output(score=network.score, kind=network.kind, evidence=network.evidence),
        calibration=Calibration(temperature=1.0, bias=0.0, fitted_on=""),
        threshold=0.5, uncertain_band=(0.5, 0.5), files={"model.keras": "0"},
        licence="", training_data="",
    )  # fmt: skip


def scores_of(path, inputs, **options):
    opened = open_keras(path, SETTINGS, **options)
    return opened.backend(manifest_of(opened.network), SETTINGS).scores(inputs)


def saved(tmp_path, *layers, name="model.keras"):
    import keras

    model = keras.Sequential(list(layers))
    model.save(tmp_path / name)
    return tmp_path / name


def small(*ending):
    import keras

    return [keras.layers.Input((16, 16, 3)), keras.layers.Flatten(), *ending]


def told(path, expected):
    """Whether a file scores as its author's: "equal", "converted", or why it is refused."""
    if not path.exists():
        return "Keras 2 cannot save it"
    before = path.read_bytes()
    try:
        model, changes = load(path, SETTINGS)
    except ModelError as error:
        return f"refused: {error.public.split(' (')[0]}"
    assert path.read_bytes() == before
    found = np.asarray(model(expected["inputs"], training=False))
    # Keras 2 and 3 round differently in many layers; 16 bits have three digits.
    digits = 1e-4 if "mixed precision" not in str(changes) else 3e-3
    assert found == pytest.approx(expected["outputs"], abs=digits)
    return "converted" if changes else "equal"


@pytest.fixture(scope="module")
def table():
    return {}


@pytest.mark.parametrize("name", [*keras2_files.KINDS, *keras2_files.STEPS])
def test_files_of_each_kind_score_as_their_authors_did_or_are_refused(
    keras, keras2, table, tmp_path, name
):
    keras.utils.set_random_seed(1)
    made = {**keras2_files.KINDS, **keras2_files.STEPS}[name](keras)
    expected = keras2_files.answers(keras, made)
    of_keras_2 = np.load(keras2 / f"{name}.npz")
    cells = [told(keras2 / f"{name}{ending}", of_keras_2) for ending in (".h5", ".keras")]
    for ending in (".keras", ".h5"):
        path = tmp_path / f"{name}{ending}"
        made.save(path)
        cells.append(told(path, expected))
        path.unlink()
    assert all(("refused" in cell) == (name == "lambda_layer") for cell in cells), cells
    table[name] = cells


def test_the_documents_say_what_was_found(table):
    if len(table) < len(keras2_files.KINDS) + len(keras2_files.STEPS):
        pytest.skip("only some kinds of files were tried")
    rows = ["| network | Keras 2 `.h5` | Keras 2 `.keras` | Keras 3 `.keras` | Keras 3 `.h5` |"]
    rows.append("|---|---|---|---|---|")
    for name, cells in table.items():
        rows.append(f"| {name.replace('_', ' ')} | {' | '.join(cells)} |")
    document = (Path(__file__).parents[3] / "docs/models.md").read_text(encoding="utf-8")
    assert "\n".join(rows) in document, "\n".join(rows)


def test_a_lambda_layer_is_refused_with_what_to_do(keras2):
    for ending in (".h5", ".keras"):
        with pytest.raises(ModelError, match=r"Lambda layer.*Rescaling"):
            load(keras2 / f"lambda_layer{ending}", SETTINGS)


def test_a_pickle_of_keras_2_scores_the_same(keras2):
    model, changes = load(keras2 / "sequential_cnn.pkl", SETTINGS)
    expected = np.load(keras2 / "sequential_cnn.npz")
    assert "without running it" in changes[0]
    assert np.asarray(model(expected["inputs"])) == pytest.approx(expected["outputs"], abs=1e-5)


@pytest.mark.parametrize("name", ["sequential_cnn", "mobilenet_in_sequential", "functional_cnn"])
def test_the_backend_scores_as_keras_2_did_in_batches_of_any_size(keras2, name):
    expected = np.load(keras2 / f"{name}.npz")
    inputs = np.concatenate([expected["inputs"]] * 4)
    raw = scores_of(keras2 / f"{name}.h5", inputs).raw
    outputs = np.concatenate([expected["outputs"]] * 4)
    assert raw == pytest.approx(outputs if outputs.shape[1] == 2 else outputs[:, 0], abs=1e-5)


def test_a_saved_model_of_keras_2_scores_the_same(keras2):
    expected = np.load(keras2 / "sequential_cnn.npz")
    opened = open_keras(keras2 / "sequential_cnn", SETTINGS)
    assert (opened.network.size, opened.network.kind) == (32, "sigmoid")
    raw = scores_of(keras2 / "sequential_cnn", expected["inputs"]).raw
    assert raw == pytest.approx(expected["outputs"][:, 0], abs=1e-5)


def test_a_saved_model_of_keras_3_scores_the_same(keras, tmp_path):
    model = keras2_files.functional_cnn(keras)
    model.export(tmp_path / "exported", verbose=False)
    inputs = keras2_files.pictures(32)
    raw = scores_of(tmp_path / "exported", inputs).raw
    assert raw == pytest.approx(np.asarray(model(inputs)), abs=1e-5)


@pytest.mark.parametrize(
    ("name", "architecture"), [("mesonet", "meso4"), ("mesoinception", "mesoinception4")]
)
def test_published_mesonet_weights_load_by_the_name_of_the_network(keras2, name, architecture):
    expected = np.load(keras2 / f"{name}.npz")
    path = keras2 / f"{name}_weights.h5"
    raw = scores_of(path, expected["inputs"], architecture=architecture).raw
    assert raw == pytest.approx(expected["outputs"][:, 0], abs=1e-5)


@pytest.mark.parametrize("name", ["cnn", "meso4", "mesoinception4", "mobilenetv3-small"])
def test_weights_of_a_network_of_ours_load_by_its_name(tmp_path, name):
    from deepfake import networks

    size = 64 if name != "mobilenetv3-small" else 224
    model = networks.build(name, size)
    model.save_weights(tmp_path / "model.weights.h5")
    inputs = keras2_files.pictures(size, 2) / 255
    expected = model(inputs, training=False)
    scores = scores_of(tmp_path / "model.weights.h5", inputs, architecture=name)
    assert scores.raw == pytest.approx(np.asarray(expected["logit"])[:, 0], abs=1e-5)
    assert scores.evidence == pytest.approx(np.asarray(expected["evidence"]), abs=1e-4)


@pytest.mark.parametrize(
    ("architecture", "expected"),
    [
        ("", "--architecture NAME.*meso4"),
        ("mesonet5", "no architecture called 'mesonet5'.*meso4"),
        ("mesoinception4", "do not fit mesoinception4"),
    ],
)
def test_weights_alone_ask_for_their_network(keras2, architecture, expected):
    with pytest.raises(ModelError, match=expected):
        load(keras2 / "mesonet_weights.h5", SETTINGS, architecture)


@pytest.mark.parametrize(
    ("ending", "kind"),
    [
        (lambda of: [of.Dense(1)], "logit"),
        (lambda of: [of.Dense(2)], "logits"),
        (lambda of: [of.Dense(1, activation="sigmoid")], "sigmoid"),
        (lambda of: [of.Dense(2, activation="softmax")], "softmax"),
        (lambda of: [of.Dense(1), of.Activation("sigmoid")], "sigmoid"),
        (lambda of: [of.Dense(2), of.Softmax()], "softmax"),
        (lambda of: [of.Dense(1, activation="sigmoid"), of.Dropout(0.1)], "sigmoid"),
    ],
)  # fmt: skip
def test_what_the_output_is_comes_from_the_last_activation(keras, tmp_path, ending, kind):
    path = saved(tmp_path, *small(*ending(keras.layers)))
    assert open_keras(path, SETTINGS).network.kind == kind


def test_scaling_inside_the_network_is_noticed(keras, tmp_path):
    rescaling = keras.layers.Rescaling(1 / 127.5, offset=-1)
    path = saved(tmp_path, keras.layers.Input((16, 16, 3)), rescaling, *small()[1:],
                 keras.layers.Dense(1))  # fmt: skip
    assert open_keras(path, SETTINGS).network.rescaling == "Rescaling(scale=0.00784, offset=-1)"


def input_of(*shape):
    import keras

    return [keras.layers.Input(shape), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(1)]


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        (lambda of: input_of(16, 24, 3), "16 × 24.*square"),
        (lambda of: input_of(16, 16, 4), "3 channels .colour. or 1"),
        (lambda of: input_of(None, None, 3), "--size"),
        (lambda of: [of.Input((12,)), of.Dense(1)], "not pictures"),
        (lambda of: small(of.Dense(1000)), "1000 classes"),
        (lambda of: small(of.Dense(1, activation="softmax")), "always 1"),
        (lambda of: small(of.Dense(1, activation="tanh")), "tanh"),
        (lambda of: [of.Input((16, 16, 3)), of.Conv2D(2, 3)], "without its classifier"),
    ],
)
def test_a_network_for_something_else_gets_a_sentence(keras, tmp_path, layers, expected):
    path = saved(tmp_path, *layers(keras.layers))
    with pytest.raises(ModelError, match=expected):
        open_keras(path, SETTINGS)


def test_grey_pictures_and_several_classes_can_be_used(keras, tmp_path):
    layers = [*input_of(16, 16, 1)[:2], keras.layers.Dense(3, activation="softmax")]
    opened = open_keras(saved(tmp_path, *layers), SETTINGS)
    network = opened.network
    assert (network.channels, network.classes, network.kind) == (1, 3, "softmax")
    said = Answers(labels="live,print,replay", positive="print,replay")
    manifest = said.complete(network, "m", {"model.keras": "0" * 64})
    raw = opened.backend(manifest, SETTINGS).scores(np.ones((2, 16, 16, 1), np.float32)).raw
    assert raw.shape == (2, 3) and raw.sum(axis=1) == pytest.approx(1.0)


def test_several_inputs_get_a_sentence(keras, tmp_path):
    inputs = [keras.layers.Input((16, 16, 3)) for _ in range(2)]
    flat = [keras.layers.Flatten()(each) for each in inputs]
    head = keras.layers.Dense(1)(keras.layers.Concatenate()(flat))
    keras.Model(inputs, head).save(tmp_path / "model.keras")
    with pytest.raises(ModelError, match="2 inputs"):
        open_keras(tmp_path / "model.keras", SETTINGS)


@pytest.mark.parametrize("as_dictionary", [False, True])
def test_of_several_outputs_one_is_chosen(keras, tmp_path, as_dictionary):
    picture = keras.layers.Input((16, 16, 3))
    flat = keras.layers.GlobalAveragePooling2D()(picture)
    heads = {
        "who": keras.layers.Dense(4, activation="relu", name="who")(flat),
        "spoof": keras.layers.Dense(1, activation="sigmoid", name="spoof")(flat),
        "attack": keras.layers.Dense(3, activation="softmax", name="attack")(flat),
    }
    model = keras.Model(picture, heads if as_dictionary else list(heads.values()))
    model.save(tmp_path / "model.keras")
    inputs = np.random.default_rng(0).random((2, 16, 16, 3), np.float32)
    expected = keras.Model(picture, heads)(inputs)
    opened = open_keras(tmp_path / "model.keras", SETTINGS)
    assert [str(choice) for choice in opened.network.choices] == [
        "spoof (a number in 0..1)", "attack (softmax of 3)",
    ]  # fmt: skip
    for said in (
        Answers(positive="fake", score="spoof"),
        Answers(labels="live,print,replay", positive="1,2", score="attack"),
    ):
        manifest = said.complete(opened.network, "m", {"model.keras": "0" * 64})
        raw = opened.backend(manifest, SETTINGS).scores(inputs).raw
        wanted = np.asarray(expected[said.score]).reshape(raw.shape)
        np.testing.assert_allclose(raw, wanted, atol=1e-5)
    with pytest.raises(ModelError, match="--score NAME"):
        Answers(positive="fake").complete(opened.network, "m", {"model.keras": "0" * 64})


def test_a_size_that_the_file_leaves_open_can_be_said(tmp_path):
    path = saved(tmp_path, *input_of(None, None, 3))
    assert open_keras(path, SETTINGS, size=64).network.size == 64


def test_no_number_is_an_error_and_not_a_score(keras, tmp_path):
    dense = keras.layers.Dense(1, bias_initializer=keras.initializers.Constant(float("nan")))
    path = saved(tmp_path, *small(dense))
    with pytest.raises(ModelError, match="NaN"):
        scores_of(path, np.zeros((1, 16, 16, 3), np.float32))


def test_threads_get_their_own_scores(keras, tmp_path):
    path = saved(tmp_path, *small(keras.layers.Dense(1)))
    opened = open_keras(path, SETTINGS)
    backend = opened.backend(manifest_of(opened.network), SETTINGS)
    batches = np.random.default_rng(0).random((4, 2, 16, 16, 3), np.float32)
    alone = [backend.scores(batch).raw for batch in batches]
    found = {}

    def work(index):
        found[index] = [backend.scores(batches[index]).raw for _ in range(5)]

    threads = [threading.Thread(target=work, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(raw, alone[index]) for index in found for raw in found[index])
    assert len(found) == 4


def test_a_manifest_that_contradicts_the_file_is_refused(keras, tmp_path):
    opened = open_keras(saved(tmp_path, *small(keras.layers.Dense(1))), SETTINGS)
    manifest = manifest_of(dataclasses.replace(opened.network, kind="softmax"))
    with pytest.raises(ModelError, match="softmax"):
        opened.backend(manifest, SETTINGS)
    manifest = manifest_of(dataclasses.replace(opened.network, size=32))
    with pytest.raises(ModelError, match="32 × 32"):
        opened.backend(manifest, SETTINGS)


def test_a_normalization_in_a_nested_network_is_not_lost(keras, tmp_path):
    # As in EfficientNet. Keras 3.15 itself reads such an .h5 file with mean 0 and variance 1.
    layers = keras.layers
    learned = layers.Normalization()
    pictures = np.random.default_rng(0).random((4, 16, 16, 3), np.float32) * 255
    learned.adapt(pictures)
    inner = keras.Sequential([layers.Input((16, 16, 3)), learned, layers.Conv2D(2, 3)])
    outer = [layers.Input((16, 16, 3)), inner, layers.GlobalAveragePooling2D(), layers.Dense(1)]
    model = keras.Sequential(outer)
    model.save(tmp_path / "model.h5")
    loaded, _ = load(tmp_path / "model.h5", SETTINGS)
    assert np.asarray(loaded(pictures)) == pytest.approx(np.asarray(model(pictures)), abs=1e-5)


def test_weights_that_do_not_fit_the_network_in_the_file_get_a_sentence(keras, tmp_path):
    path = saved(tmp_path, *small(keras.layers.Dense(1, name="last")), name="model.h5")
    with h5py.File(path, "r+") as file:
        group = file["model_weights/last"]
        kernel = next(name for name in _datasets(group) if name.endswith("kernel"))
        del group[kernel]
        group[kernel] = np.zeros((5, 1), np.float32)
    with pytest.raises(ModelError, match=r"do not fit|cannot be loaded"):
        load(path, SETTINGS)


def _datasets(group):
    names = []
    group.visititems(
        lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None
    )
    return names


# As Keras 3.15 words them; what provokes most of them is translated or refused before.
@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Unrecognized keyword arguments passed to DepthwiseConv2D: {'groups': 1}", "another vers"),
        ("BatchNormalization could not be deserialized: config={'axis': [3]}", r"model\.save"),
        ('Layer "x" expects 1 input(s), but it received 2 input tensors.', "nested networks"),
        ("Could not locate class 'Attention2'. Make sure custom classes", "Attention2"),
        ("Could not deserialize 'keras.metrics.mse' because", "training state"),
        ("Unrecognized keyword arguments: ['batch_shape']", "Keras says: Unrecognized"),
        ("Unknown layer: 'TFOpLambda'. Please ensure", "outside of layers"),
        ("Requested the deserialization of a `Lambda` layer", "never run"),
        ("File format not supported: filepath=x", "SavedModel"),
        ("Unable to open file (file signature not found)", "Download it again"),
        ("Something new\nin many lines", "Keras says: Something new. "),
        ("The shape of the target variable and the shape of the target value in", "do not fit"),
        ("A total of 1 objects could not be loaded. Example error message for", "do not fit"),
        ("word " * 60 + "wordsthatarecut" * 9, r"Keras says: (word )+… Where"),
        (
            "Unrecognized keyword arguments passed to Dense: {" + "'option': 1, " * 40,
            r"'option': … ?\), so|'option': 1 …\), so",
        ),
    ],
)
def test_messages_of_keras_become_sentences(message, expected):
    error = keras_messages.explain(ValueError(message), "model.h5")
    assert isinstance(error, ModelError)
    assert re.search(expected, str(error)), str(error)
    assert "safe_mode=False" not in str(error)


@pytest.mark.parametrize(
    ("layer", "changed", "said"),
    [
        ("Dense", {"units": -1}, "Received an invalid value for `units`"),
        ("Dense", {"units": None}, "Received an invalid value for `units`"),
        ("Dense", {"activation": "nonsense"}, "Could not interpret activation function"),
        ("Conv2D", {"padding": "circular"}, "The `padding` argument must be"),
        ("Conv2D", {"filters": 0}, "Invalid value for argument `filters`"),
        ("Conv2D", {"dtype": "float99"}, "Cannot convert 'float99'"),
    ],
)
def test_a_layer_that_cannot_be_built_is_named_with_keras_reason(
    keras, tmp_path, layer, changed, said
):
    """Keras writes pages before it; a name in them is no reason."""
    layers = keras.layers
    inputs = layers.Input((16, 16, 3), name="lambda_weights_file_containing")
    x = layers.Flatten()(layers.Conv2D(2, 3, name="conv")(inputs))
    model = keras.Model(inputs, layers.Dense(1, name="dense")(x))
    config = json.loads(model.to_json())
    for each in config["config"]["layers"]:
        if each["class_name"] == layer:
            each["config"].update(changed)
    path = hostile_files.archive(tmp_path / "model.keras", config)
    with pytest.raises(ModelError) as raised:
        load(path, SETTINGS)
    text = str(raised.value)
    assert re.search(rf"cannot build its layer '\w+' \({layer}\)\. It says: {said}", text), text
    assert len(text) < 700 and "get_config" not in text


@pytest.mark.parametrize(
    ("version", "expected"),
    [("99.1.0", "newer than the one"), ("3.0.0", "It says: .*units"), ("", "says")],
)
def test_only_a_file_that_is_newer_is_called_newer(keras, tmp_path, version, expected):
    path = saved(tmp_path, *small(keras.layers.Dense(1)), name="model.h5")
    with h5py.File(path, "r+") as file:
        file.attrs["keras_version"] = version
        file.attrs["model_config"] = file.attrs["model_config"].replace('"units"', '"new_option"')
    with pytest.raises(ModelError, match=expected):
        load(path, SETTINGS)


def test_a_file_of_another_kind_says_what_to_name(tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(b"\x1c\0\0\0TFL3" + b"\0" * 100)
    with pytest.raises(ModelError, match=r"not of Keras\. Name a \.keras or \.h5 file"):
        open_keras(path, SETTINGS)


def test_a_file_that_cannot_be_read_is_said_without_other_paths():
    with pytest.raises(ModelError) as raised, _explained(Path("/srv/models/model.h5")):
        raise PermissionError(13, "unable to open '/tmp/deepfake-x/model.h5'", "/tmp/deepfake-x")
    assert raised.value.public == (
        "model.h5 cannot be read (Permission denied). Check that it may be read, or get it again."
    )
