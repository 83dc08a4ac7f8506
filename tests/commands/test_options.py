import argparse

from deepfake.commands.options import add_answers
from deepfake.modelstore.answers import Answers


def test_options_become_answers():
    parser = argparse.ArgumentParser()
    add_answers(parser)
    options = parser.parse_args(["--positive", "real", "--crop", "1.5", "--size", "128"])
    assert Answers.of(options) == Answers(positive="real", crop="1.5", size=128)
    assert not Answers.of(parser.parse_args([])).says_anything


def test_a_scale_that_looks_like_an_option_can_be_given(capsys):
    from deepfake.cli import main

    code = main(["detect", "no.jpg", "--model", "no.h5", "--scale", "-1..1"])
    assert code == 1
    assert "There is no model 'no.h5'" in capsys.readouterr().err
