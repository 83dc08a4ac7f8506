import io

import numpy as np
import pytest
from PIL import Image

from deepfake.errors import TrainingError
from deepfake.forging import recipes


def picture():
    small = np.random.default_rng(0).integers(0, 256, (10, 8, 3), np.uint8)
    return np.asarray(Image.fromarray(small).resize((80, 100), Image.Resampling.BICUBIC))


@pytest.mark.parametrize("kind", recipes.KINDS)
def test_each_kind_alone_changes_every_copy_and_keeps_its_size(kind):
    for seed in range(4):
        recipe = recipes.draw(np.random.default_rng(seed), [kind])
        data, _ = recipes.encode(recipes.apply(picture(), recipe), recipe, "PNG")
        copy = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
        assert copy.shape == picture().shape
        assert not np.array_equal(copy, picture())


def test_a_recipe_that_was_written_down_can_be_followed_again():
    for seed in range(40):
        recipe = recipes.draw(np.random.default_rng(seed), recipes.KINDS)
        assert recipes.Recipe.from_row(recipe.to_row()) == recipe


def test_a_half_turn_and_a_shift_go_where_they_say():
    right = recipes.apply(picture(), recipes.Recipe(shift_x=0.1))
    assert np.array_equal(right[:, 8:], picture()[:, :-8])
    turned = recipes.apply(picture(), recipes.Recipe(rotation=180.0))
    assert np.array_equal(turned, picture()[::-1, ::-1])


@pytest.mark.parametrize(
    ("use", "without", "expected"),
    [(None, None, recipes.USUAL), ("noise, jpeg", None, ("noise", "jpeg")),
     (None, "webp,shift", tuple(k for k in recipes.USUAL if k not in ("webp", "shift"))),
     ("upside-down", "", ("upside-down",))],
)  # fmt: skip
def test_kinds_can_be_chosen_and_left_out(use, without, expected):
    assert recipes.choose_kinds(use, without) == expected


@pytest.mark.parametrize(
    ("use", "without", "expected"),
    [
        ("sepia", None, "no augmentation sepia.*rotation"),
        ("jpeg", "jpeg", "No augmentation is left"),
    ],
)
def test_kinds_that_are_not_there_get_a_sentence(use, without, expected):
    with pytest.raises(TrainingError, match=expected):
        recipes.choose_kinds(use, without)
