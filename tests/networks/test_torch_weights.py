import pickle
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from deepfake.errors import TrainingError

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def checkpoint():
    from deepfake.networks import IMAGENET_FILE, IMAGENET_PACKAGE

    return Path(find_spec(IMAGENET_PACKAGE).origin).parent / IMAGENET_FILE


def test_reads_the_published_weights(checkpoint):
    from deepfake.networks.torch_weights import read_torch_state_dict

    state = read_torch_state_dict(checkpoint)
    assert state["_conv_stem.weight"].shape == (32, 3, 3, 3)
    assert state["_fc.weight"].shape == (1000, 1280)
    assert (state["_bn0.running_var"] >= 0).all()
    # Batch normalisation of trained networks has scales near one.
    assert 0.5 < np.median(state["_blocks.5._bn1.weight"]) < 2


class Evil:
    def __reduce__(self):
        return Path.touch, (Path("canary"),)


@pytest.mark.parametrize("position", range(5))
def test_code_in_a_checkpoint_is_not_run(tmp_path, monkeypatch, position):
    from deepfake.networks.torch_weights import read_torch_state_dict

    monkeypatch.chdir(tmp_path)
    parts = [0x1950A86A20F9469CFC6C, 1001, {}, {}, []]
    parts[position] = Evil()
    path = tmp_path / "evil.pth"
    path.write_bytes(b"".join(pickle.dumps(part, 2) for part in parts))
    with pytest.raises(TrainingError, match="not a PyTorch checkpoint"):
        read_torch_state_dict(path)
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize("size", [0, 100, 100_000])
def test_cut_off_checkpoints_get_a_sentence(tmp_path, checkpoint, size):
    from deepfake.networks.torch_weights import read_torch_state_dict

    path = tmp_path / "cut.pth"
    path.write_bytes(checkpoint.read_bytes()[:size])
    with pytest.raises(TrainingError, match="not a PyTorch checkpoint"):
        read_torch_state_dict(path)
