"""One place for the options of a training: the parser, the run folder and the card say the same."""

import shlex
import subprocess
import sys
from dataclasses import asdict, fields, replace

import pytest

from deepfake import cli
from deepfake.commands import train
from deepfake.errors import TrainingError
from deepfake.shipping.description import Description
from deepfake.training.config import TrainingConfig

WITHOUT_KERAS = """
import sys
for name in ("keras", "tensorflow", "h5py", "sklearn", "cv2"):
    sys.modules[name] = None
from deepfake.training.config import TrainingConfig
print(TrainingConfig(architecture="xception").input.size)
"""


def parsed(*words):
    options = cli.parser().parse_args(["train", "DATA", "-o", "RUN", *words])
    return train._made(TrainingConfig, options), train._made(Description, options)


def test_options_of_a_training_are_known_without_its_packages():
    done = subprocess.run([sys.executable, "-c", WITHOUT_KERAS], capture_output=True, text=True)
    assert done.stdout.strip() == "299", done.stderr


def test_the_command_without_options_is_the_configuration_without_options():
    assert parsed() == (TrainingConfig(), Description())


def test_every_field_is_an_option_with_a_help_text():
    texts = {action.dest: action.help for action in parser_of_train()._actions}
    for field in fields(TrainingConfig):
        assert texts[field.name] == field.metadata["help"]


def parser_of_train():
    (commands,) = (a for a in cli.parser()._actions if getattr(a, "choices", None))
    return commands.choices["train"]


@pytest.mark.parametrize(
    ("architecture", "size", "weights"),
    [("efficientnet-lite0", 192, "imagenet"), ("cnn", 128, "none"), ("xception", 299, "imagenet")],
)
def test_an_architecture_brings_its_size_and_its_start(architecture, size, weights):
    config = TrainingConfig(architecture=architecture)
    assert (config.image_size, config.weights) == (size, weights)
    assert asdict(config)["image_size"] == size, "what is written to the run folder"
    assert replace(config, epochs=9).image_size == size


@pytest.mark.parametrize(
    "words",
    ["", "--architecture cnn", "--architecture cnn --image-size 64 --seed 3 --epochs 5",
     "--weights none --learning-rate 0.001 --teachers default --teacher-share 0.5",
     "--mixed-precision on --strategy mirrored --threshold-rule half --flip-average"],
)  # fmt: skip
def test_the_command_in_the_card_makes_the_same_again(words):
    config, description = parsed(*shlex.split(words))
    command = train._command(config, description, "a+b")
    assert command.startswith("deepfake train DATA -o RUN") and "--leave-out a+b" in command
    said = shlex.split(command)[5:]
    assert parsed(*said) == (config, description)
    assert len(said) == len(shlex.split(words)) + 2, "and says no more than what is not usual"


def test_a_strategy_for_several_machines_is_no_longer_promised():
    with pytest.raises(TrainingError, match="none, mirrored"):
        TrainingConfig(strategy="multiworker")
