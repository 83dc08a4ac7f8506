"""`deepfake try`: the first time with a model file."""

import json
import shlex
import shutil

import numpy as np
import onnx
import pytest
from PIL import Image

from deepfake.cli import main
from deepfake.modelstore.resolve import load_model
from deepfake.settings import Settings
from tests.modelstore.tiny_onnx import brightness, channel_means


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DEEPFAKE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def model(tmp_path):
    return brightness(tmp_path / "the model.onnx")


def test_what_is_not_known_is_asked_in_one_go_with_scores_either_way(model, capsys):
    assert main(["try", str(model)]) == 0
    said = capsys.readouterr().out
    assert "the model.onnx: ONNX, takes 32 × 32 in colour, returns one logit." in said
    assert "values of 0..1" in said and "--crop full" in said
    assert "which end of its score means fake" in said
    rows = [line.split() for line in said.splitlines() if "eileen_collins" in line]
    (row,) = rows
    assert row[0] == "real:" and float(row[2]) + float(row[3]) == pytest.approx(1, abs=0.002)
    assert f"deepfake try '{model}' --positive fake" in said
    # Nothing was guessed, and nothing kept.
    assert "serve" not in said

    assert main(["try", str(model), "--positive", "real"]) == 0
    said = capsys.readouterr().out
    assert "Needed" not in said and f"deepfake serve --model '{model}'" in said
    assert load_model(model, Settings.from_environment()).manifest.labels.fake == ("fake",)


def test_of_labelled_photos_both_kinds_are_shown_and_only_what_they_tell_is_kept(
    model, portrait, tmp_path, capsys
):
    photo = Image.open(portrait).convert("RGB").resize((256, 256))
    for label, light in (("real", 0), ("fake", 110)):
        (tmp_path / label).mkdir()
        for number in range(8):
            changed = photo.point([round(0.5 * v + light + number) for v in range(256)] * 3)
            changed.save(tmp_path / label / f"{number}.png")
    assert main(["try", str(model), str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "fake: 0.png" in said and "real: 0.png" in said
    # Bright and dark look so in all ways, so none of them is known.
    assert "Assumed:" in said and "values of 0..1" in said


def test_the_command_that_is_shown_says_again_what_was_said(model, portrait, tmp_path, capsys):
    """It is copied to the terminal, and nothing is kept before all is known."""
    photos = tmp_path / "my photos"
    photos.mkdir()
    shutil.copy(portrait, photos)
    main(["try", str(model), str(photos), "--recipe", "opencv", "--returns", "logit"])
    last = capsys.readouterr().out.splitlines()[-1]
    command = shlex.split(last.partition(": ")[2].partition(",")[0])
    assert main(command[1:]) == 0
    assert "eileen_collins.png" in capsys.readouterr().out
    assert load_model(model, Settings.from_environment()).manifest.input.channels == "bgr"


def test_labelled_photos_tell_and_what_they_tell_is_kept(model, portrait, tmp_path, capsys):
    pixels = np.asarray(Image.open(portrait).convert("RGB").resize((320, 320)), np.float32)
    for name, light in (("real", 1.0), ("fake", 0.6)):
        (tmp_path / "faces" / name).mkdir(parents=True)
        for index in range(8):
            darker = (pixels * (light - index / 100)).astype(np.uint8)
            Image.fromarray(darker).save(tmp_path / "faces" / name / f"{index}.png")
    assert main(["try", str(model), str(tmp_path / "faces")]) == 0
    said = capsys.readouterr().out
    assert "scored 8 real and 8 fake faces" in said and "Needed" not in said
    assert "deepfake serve --model" in said
    kept = load_model(model, Settings.from_environment()).manifest
    assert kept.labels.order == ("fake", "real")


def test_a_model_with_a_manifest_has_nothing_to_be_asked(capsys):
    assert main(["try", "default"]) == 0
    assert "nothing to ask" in capsys.readouterr().out


def test_what_is_no_model_gets_its_sentence(tmp_path, capsys):
    (tmp_path / "model.h5").write_text("version https://git-lfs.github.com/spec/v1\n")
    assert main(["try", str(tmp_path / "model.h5")]) == 1
    assert "git lfs pull" in capsys.readouterr().err


def test_the_photos_that_are_named_are_looked_at(capsys, tmp_path):
    """Also where the model comes with a manifest."""
    assert main(["try", "default", str(tmp_path)]) == 1
    assert str(tmp_path) in capsys.readouterr().err


def test_of_three_classes_each_ones_share_is_shown(tmp_path, capsys):
    model = channel_means(tmp_path / "three.onnx", np.eye(3).tolist(), softmax=True)
    assert main(["try", str(model)]) == 0
    said = capsys.readouterr().out
    assert "--labels live,print,replay" in said
    head = next(line for line in said.splitlines() if line.startswith("photo"))
    assert "class 0" in head and "class 2" in head
    (row,) = [line.split() for line in said.splitlines() if "eileen_collins" in line]
    assert sum(map(float, row[-3:])) == pytest.approx(1, abs=0.002)

    main(["try", str(model), "--labels", "red,green,blue"])
    said = capsys.readouterr().out
    assert "photo" in said
    assert all(name in said for name in ("red", "green", "blue"))


def with_names(folder, names, **more):
    """A model of three classes with a repository's `config.json` beside it."""
    folder.mkdir()
    model = channel_means(folder / "model.onnx", np.eye(3, len(names)).tolist(), softmax=True)
    names = {str(index): name for index, name in enumerate(names)}
    (folder / "config.json").write_text(json.dumps({"id2label": names}))
    for name, content in more.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    return model


def shares(said):
    return [line.split()[-3:] for line in said.splitlines() if "eileen_collins" in line]


def test_a_class_is_not_taken_for_another_whose_name_is_its_number(tmp_path, capsys):
    main(["try", str(channel_means(tmp_path / "three.onnx", np.eye(3).tolist(), softmax=True))])
    expected = shares(capsys.readouterr().out)
    assert main(["try", str(with_names(tmp_path / "shifted", ["1", "2", "3"]))]) == 0
    assert shares(capsys.readouterr().out) == expected


def test_names_that_say_little_are_shown_and_asked_about(tmp_path, capsys):
    assert main(["try", str(with_names(tmp_path / "ab", ["A", "B"]))]) == 0
    said = capsys.readouterr().out
    assert "A means fake" in said and "B means fake" in said
    # Two of one name say nothing.
    assert main(["try", str(with_names(tmp_path / "same", ["x", "x", "y"]))]) == 0
    assert "one name" in capsys.readouterr().out
    # A preparation that is not known here does not hide the question.
    model = with_names(tmp_path / "padded", ["A", "B", "C"], preprocessor_config={"do_pad": True})
    assert main(["try", str(model)]) == 0
    said = capsys.readouterr().out
    assert "which does not say for sure" in said and "--labels" not in said.splitlines()[-1]


def test_what_fits_one_of_several_outputs_does_not_end_the_command(tmp_path, capsys):
    model = two_outputs(tmp_path)
    assert main(["try", str(model), "--positive", "real"]) == 0
    said = capsys.readouterr().out
    assert "--score NAME" in said.splitlines()[-1] and said.count("as it will be used") == 1
    assert main(["try", str(model), "--score", "nope"]) == 0
    assert "nope --score" not in capsys.readouterr().out


def two_outputs(tmp_path):
    graph = onnx.load(channel_means(tmp_path / "one.onnx", [[1, -1]] * 3))
    graph.graph.output.append(
        onnx.helper.make_tensor_value_info("means", onnx.TensorProto.FLOAT, ["n", 3])
    )
    model = tmp_path / "two.onnx"
    onnx.save(graph, model)
    return model


def test_of_several_outputs_each_is_shown_at_once(tmp_path, capsys):
    model = two_outputs(tmp_path)
    assert main(["try", str(model)]) == 0
    said = capsys.readouterr().out
    assert "nobody has said which one tells real from fake" in said
    for_score, _, for_means = said.partition("Output means")
    assert "Output score" in for_score
    assert "high means fake" in for_score and "which of its two outputs" in for_score
    assert "class 2" in for_means and "tells 3 classes apart" in for_means
    assert said.count("eileen_collins") == 2
    assert f"deepfake try {model} --score NAME" in said

    # Where all else is known, the score of each output is shown as it would be.
    main(["try", str(model), "--positive", "1"])
    said = capsys.readouterr().out
    assert said.count("as it will be used") == 2
