"""Files of a kilobyte that promise gigabytes: refused by what their layers would make."""

import resource

import pytest

from deepfake.errors import HostileModelError
from deepfake.modelstore.backends.keras import load
from deepfake.settings import Settings
from tests.modelstore import hostile_files
from tests.modelstore.large_networks import LARGE

pytestmark = pytest.mark.tensorflow


def test_networks_that_would_fill_the_memory_are_refused_before_they_are_built(tmp_path):
    before = None
    for name, config in LARGE.items():
        path = hostile_files.archive(tmp_path / "model.keras", config)
        with pytest.raises(HostileModelError, match=r"fill the memory|of one picture"):
            load(path, Settings())
            pytest.fail(f"{name} was built")
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        # TensorFlow itself came with the first.
        before = before or peak
        assert peak < before + 200_000, name


def test_no_weights_are_left_waiting_for_the_next_model(tmp_path):
    from keras.src.backend.common import global_state

    path = hostile_files.archive(tmp_path / "model.keras", LARGE["Dense of many units"])
    with pytest.raises(HostileModelError):
        load(path, Settings())
    assert not global_state.get_global_attribute("uninitialized_variables")
