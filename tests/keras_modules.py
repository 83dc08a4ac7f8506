"""Fixtures: Keras and the modules that import it, imported when the first test asks for one.

A test that asks for one of them, itself or by another fixture, is marked `tensorflow`.
"""

from importlib import import_module

import pytest


def imported(name):
    return pytest.fixture(lambda: import_module(name), scope="session", name=name.split(".")[-1])


keras = imported("keras")
resynthesis = imported("deepfake.forging.resynthesis")
ship = imported("deepfake.shipping.ship")
trainer = imported("deepfake.training.trainer")


@pytest.fixture(scope="module")
def eagerly(keras):
    """Without graphs, which take longer to make of a network than a few steps or batches take."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)
