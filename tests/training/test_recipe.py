"""Recipes: what is drawn how often, and which expert learns from which fakes."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from deepfake.cli import parser
from deepfake.commands import train
from deepfake.datasets.samples import Sample
from deepfake.errors import TrainingError
from deepfake.networks.architectures import TRACES
from deepfake.shipping.description import Description
from deepfake.training.config import TrainingConfig
from deepfake.training.recipe import read_recipe
from deepfake.training.run_folder import RunFolder
from tests.conftest import EXAMPLES

RECIPE = """
architecture = "efficientnet-lite0-experts"
image_size = 64
weights = "none"
epochs = 1
steps = 2
batch_size = 4
blend_share = 0.0

[families.red]
share = 1
trace = "gan"
sources = ["large", "small"]

[families.blue]
share = 1
trace = "edits"
sources = ["other"]
"""


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE)
    return path


def parsed(*words):
    options = parser().parse_args(["train", "DATA", "-o", "RUN", *words])
    return train._made(TrainingConfig, options), train._made(Description, options)


def test_options_after_a_recipe_overrule_it_and_the_card_says_no_more_than_that(recipe):
    config, description = parsed("--recipe", str(recipe), "--steps", "7")
    assert (config.architecture, config.image_size, config.steps) == (
        "efficientnet-lite0-experts", 64, 7
    )  # fmt: skip
    command = train._command(config, description, "")
    assert command == "deepfake train DATA -o RUN --recipe recipe.toml --steps 7"


@pytest.mark.parametrize(
    ("said", "expected"),
    [("epoch = 3", "no such option"), ('epochs = "3"', "another kind"), ("epochs =", "not a TOML"),
     ("recipe = 'x'", "no such option"), ("[families.x]\nshare = 1", "a list of sources"),
     ("[families.x]\nshare = 0\nsources = ['a']", "above 0"),
     ("[families.x]\nshare = 1\nsources = ['a']\ntrace = 'gun'", "seams, gan, diffusion, edits"),
     ("[families.x]\nshare = 1\nsources = ['a', 'a']", "more than one")],
)  # fmt: skip
def test_what_no_recipe_says_gets_a_sentence(said, expected, tmp_path, capsys):
    path = tmp_path / "recipe.toml"
    path.write_text(said)
    with pytest.raises(SystemExit):
        parsed("--recipe", str(path))
    assert expected in capsys.readouterr().err


def test_a_fake_of_no_family_is_refused_before_faces_are_read(recipe):
    samples = [Sample(EXAMPLES / "x.png", 1, "train", name) for name in ("large", "stranger")]
    with pytest.raises(TrainingError, match="fakes: stranger"):
        read_recipe(str(recipe)).require(samples)


def test_the_repositorys_recipe_is_one():
    path = EXAMPLES.parent / "docs" / "model-2" / "recipe.toml"
    config, _ = parsed("--recipe", str(path))
    assert config.has_experts
    families = read_recipe(config.recipe).families
    assert families["modern"].trace == TRACES.index("diffusion") and len(families) == 5


@pytest.mark.tensorflow
def test_families_have_their_shares_and_sources_weigh_by_the_root_of_their_size(recipe, collins):
    from deepfake.training.batches import PairBatches

    sizes = {"large": 16, "small": 1, "other": 3}
    fakes = [
        replace(collins, label=1, source=s) for s, count in sizes.items() for _ in range(count)
    ]
    config, _ = parsed("--recipe", str(recipe))
    batches = PairBatches([collins, *fakes], config, recipe=read_recipe(str(recipe)))
    random, drawn = np.random.default_rng(0), Counter()
    for _ in range(4000):
        _, (fake, _) = batches._pair(random)[0]
        drawn[fake.source] += 1
    # Half to each family; in the first 4 : 1, where by size it were 16 : 1 and evenly 1 : 1.
    assert drawn["other"] / 4000 == pytest.approx(0.5, abs=0.03)
    assert drawn["large"] / drawn["small"] == pytest.approx(4, rel=0.2)


@pytest.mark.tensorflow
def test_each_expert_learns_from_its_own_fakes_and_from_all_reals(recipe, collins):
    import tensorflow as tf

    from deepfake.training.batches import PairBatches
    from deepfake.training.phases import ExpertsCrossentropy

    fakes = [replace(collins, label=1, source=source) for source in ("large", "other")]
    config, _ = parsed("--recipe", str(recipe))
    config = replace(config, batch_size=16)
    _, targets = PairBatches([collins, *fakes], config, recipe=read_recipe(str(recipe)))[0]
    saying = tf.Variable(np.zeros((16, 1 + len(TRACES)), np.float32))
    with tf.GradientTape() as tape:
        loss = ExpertsCrossentropy(from_logits=True, reduction="sum")(targets, saying)
    slope = tape.gradient(loss, saying).numpy()
    reals = targets[:, 0] == 0
    assert reals.sum() == 8 and (slope[reals] > 0).all(), "towards real, by all"
    traces = set()
    for trace, row in zip(targets[~reals][:, -1], slope[~reals], strict=True):
        assert np.flatnonzero(row).tolist() == [0, 1 + int(trace)], "by its own and the whole"
        assert row.max() <= 0
        traces.add(int(trace))
    assert traces == {TRACES.index("gan"), TRACES.index("edits")}


@pytest.mark.tensorflow
def test_experts_learn_with_the_logit_and_a_checkpoint_holds_both(keras, recipe, collins, tmp_path):
    from deepfake.networks import heads
    from deepfake.training import checkpoint
    from deepfake.training.batches import PairBatches
    from deepfake.training.phases import phases, prepare
    from deepfake.training.trainer import _to_train

    config, _ = parsed("--recipe", str(recipe), "--steps", "1")
    inputs = keras.Input((64, 64, 3))
    features = keras.layers.Conv2D(4, 8, 8)(inputs)
    model = _to_train(heads.experts(inputs, [features], [features], 0.0, "small"), True)
    prepare(model, phases(config)[0], config, 1)
    fakes = [replace(collins, label=1, source=source) for source in ("large", "other")]
    batches = PairBatches([collins, *fakes], config, recipe=read_recipe(str(recipe)))
    model.fit(batches, epochs=1, verbose=0)
    checkpoint.save(model, 1, 0, tmp_path / "last.keras")
    again, _ = checkpoint.load(tmp_path / "last.keras")
    views = batches[0][0]
    said = again.predict_on_batch(views)
    assert said.shape == (len(views), 1 + len(TRACES))
    assert np.allclose(said, model.predict_on_batch(views), atol=1e-5)
    odds = np.logaddexp(0, said[:, 1:].astype(np.float64)).sum(axis=1)
    assert np.allclose(said[:, 0], odds + np.log(-np.expm1(-odds)), atol=1e-4), "one noisy-or"


def test_a_run_is_not_gone_on_with_by_a_recipe_that_says_something_else(recipe, tmp_path):
    config, _ = parsed("--recipe", str(recipe))
    folder = RunFolder(tmp_path / "run")
    folder.claim(config, [])
    folder.checkpoint.write_bytes(b"begun")
    folder.claim(config, [])
    recipe.write_text(RECIPE.replace("share = 1", "share = 2", 1))
    with pytest.raises(TrainingError, match="recipe was"):
        folder.claim(config, [])
