import pytest

from deepfake.errors import SettingError
from deepfake.settings import Settings


def test_unset_and_empty_variables_keep_the_defaults():
    assert Settings.from_environment({"DEEPFAKE_MODEL": " "}) == Settings()


def test_variables_change_settings():
    settings = Settings.from_environment({"DEEPFAKE_MAX_PIXELS": "1_000", "DEEPFAKE_MODEL": "x"})
    assert (settings.max_pixels, settings.model) == (1000, "x")


@pytest.mark.parametrize(
    ("name", "value"),
    [("DEEPFAKE_PORT", "http"), ("DEEPFAKE_PORT", "70000"), ("DEEPFAKE_MAX_BYTES", "-1"),
     ("DEEPFAKE_INTERPRETERS", "0"), ("DEEPFAKE_MODEL_FIELD", "perhaps")],
)  # fmt: skip
def test_bad_values_name_the_variable(name, value):
    with pytest.raises(SettingError, match=name):
        Settings.from_environment({name: value})


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("DEEPFAKE_RATELIMIT", "DEEPFAKE_RATE_LIMIT"),
     ("DEEPFAKE_MODELL", "DEEPFAKE_MODEL"), ("DEEPFAKE_port", "DEEPFAKE_PORT")],
)  # fmt: skip
def test_a_variable_that_is_none_of_ours_is_refused_with_the_nearest_one(name, nearest):
    with pytest.raises(SettingError, match=rf"no setting {name}\. The nearest one is {nearest}:"):
        Settings.from_environment({"PATH": "/bin", name: "1"})


@pytest.mark.parametrize("name", ["DEEPFAKE_SANDBOXED", "DEEPFAKE_X", "DEEPFAKE_"])
def test_a_variable_that_is_near_none_of_ours_is_looked_up(name):
    with pytest.raises(SettingError, match=rf"no setting {name}, nor one like it \(docs/hosting"):
        Settings.from_environment({"PATH": "/bin", name: "1"})


def test_a_space_is_listened_to_from_outside():
    environment = {"GRADIO_SERVER_NAME": "0.0.0.0", "GRADIO_SERVER_PORT": "8000"}
    settings = Settings.from_environment(environment)
    assert (settings.host, settings.port) == ("0.0.0.0", 8000)
    assert Settings.from_environment({**environment, "DEEPFAKE_PORT": "9"}).port == 9
