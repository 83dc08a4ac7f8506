"""The model that everybody downloads with the program."""

from deepfake.settings import models_folder

MOST_BYTES = 25 * 2**20


def test_all_models_together_stay_small_enough_to_clone_and_deploy():
    sizes = {path: path.stat().st_size for path in models_folder().rglob("*") if path.is_file()}
    assert len(sizes) > 5 and sum(sizes.values()) <= MOST_BYTES
