import io

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from deepfake.errors import TrainingError
from deepfake.evaluation import plots
from deepfake.evaluation.scoring import Judged

HISTORY = "epoch,loss,val_loss,accuracy,valid_auc_generated\n0,.7,.6,.5,.8\n1,.5,.5,.7,.9\n"


def series(name, shift):
    random = np.random.default_rng(0)
    labels = np.repeat([0, 1], 60)
    p_fake = np.clip(random.normal(0.3 + shift * labels, 0.15), 0, 1)
    return plots.Series(name, Judged(p_fake, labels, ("a",) * 120), 0.5, (0.4, 0.6))


def test_a_history_becomes_two_pictures(tmp_path):
    (tmp_path / "history.csv").write_text(HISTORY)
    written = plots.history(tmp_path / "history.csv", tmp_path)
    assert [path.name for path in written] == ["history.png", "auc_history.png"]
    for path in written:
        with Image.open(path) as image:
            assert image.width > image.height > 200


def test_a_history_without_epochs_is_no_error(tmp_path):
    (tmp_path / "history.csv").write_text(HISTORY.splitlines()[0] + "\n")
    assert plots.history(tmp_path / "history.csv", tmp_path) == []


@pytest.mark.parametrize("text", ["a,b\n1,2\n", "epoch,loss\n0,much\n"])
def test_another_table_gets_a_sentence(tmp_path, text):
    (tmp_path / "history.csv").write_text(text)
    with pytest.raises(TrainingError, match="not the history"):
        plots.history(tmp_path / "history.csv", tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("draw", [plots.roc, plots.confusion, plots.reliability, plots.histogram])
def test_models_are_drawn_together_and_repeatably(tmp_path, draw):
    one, two = series("one", 0.4), series("two", 0.1)
    draw([one], tmp_path / "one.png")
    draw([one, two], tmp_path / "both.png")
    with Image.open(tmp_path / "one.png") as first, Image.open(tmp_path / "both.png") as both:
        assert both.width * both.height > first.width * first.height
    draw([one, two], tmp_path / "again.png")
    assert (tmp_path / "again.png").read_bytes() == (tmp_path / "both.png").read_bytes()


@pytest.mark.slow
def test_more_models_than_colours_are_drawn(tmp_path):
    many = [series(f"model {index}", 0.1 + 0.03 * index) for index in range(8)]
    for draw in (plots.roc, plots.histogram):
        draw(many, tmp_path / "many.png")
        assert (tmp_path / "many.png").stat().st_size > 10_000


def test_names_are_drawn_as_they_are():
    axes = Figure().add_subplot()
    for name in ("_hidden", "$5 to $9 {", "plain"):
        axes.plot([0], [0], label=plots.as_text(name))
    assert [text.get_text().strip() for text in axes.legend().get_texts()] == [
        "_hidden", r"\$5 to \$9 {", "plain"
    ]  # fmt: skip
    axes.figure.savefig(io.BytesIO())
