"""`deepfake doctor`: what it says, and what it keeps to itself."""

import shutil

from deepfake.cli import main
from deepfake.commands import doctor
from deepfake.files.digest import sha256_of
from deepfake.settings import models_folder
from deepfake.version import __version__


def test_a_sound_installation_is_described(capsys):
    assert main(["doctor"]) == 0
    said = capsys.readouterr().out
    for fact in (__version__, "gradio:", "6.31", "GB free", "Redis:", "not used", "sandbox:"):
        assert fact in said
    assert sha256_of(models_folder() / "default" / "model.tflite") in said
    assert said.count("pillow:") == 1 and said.endswith("Nothing is wrong.\n")


def test_what_is_wrong_is_named_and_no_secret_is(capsys, monkeypatch, tmp_path):
    folder = tmp_path / "models"
    shutil.copytree(models_folder(), folder, ignore=shutil.ignore_patterns("*.keras", "runs"))
    with (folder / "default" / "model.tflite").open("ab") as file:
        file.write(b"changed")
    monkeypatch.setattr(doctor, "models_folder", lambda: folder)
    monkeypatch.setenv("DEEPFAKE_REDIS_URL", "redis://:geheim@127.0.0.1:9/0")
    monkeypatch.setenv("DEEPFAKE_AUTH", "/etc/geheim.txt")
    assert main(["doctor"]) == 1
    said = capsys.readouterr().out
    assert "not the one that was shipped" in said and "It does not answer" in said
    assert "Wrong: 2." in said and "geheim" not in said
    assert "redis_url=(set)" in said and "auth=(set)" in said


def test_a_setting_that_is_none_is_what_is_wrong(capsys, monkeypatch):
    monkeypatch.setenv("DEEPFAKE_PROT", "1")
    assert main(["doctor"]) == 1
    assert "nearest one is DEEPFAKE_PORT" in capsys.readouterr().out


def test_models_of_the_settings_are_looked_at(capsys, monkeypatch, make_model, tmp_path):
    sound, changed = make_model("sound"), make_model("changed")
    (changed / "model.tflite").write_bytes(b"not a network")
    monkeypatch.setenv("DEEPFAKE_MODEL", str(sound))
    monkeypatch.setenv("DEEPFAKE_MODELS", f"default, hf://somebody/faces, {changed}")
    assert main(["doctor"]) == 1
    said = capsys.readouterr().out
    assert f"{sound}, {sha256_of(sound / 'model.tflite')}" in said
    assert "not the file that its manifest describes" in said and "hf://somebody/faces" in said
    assert "Wrong: 1." in said
    # What `detect` and `serve` would refuse.
    monkeypatch.setenv("DEEPFAKE_MODEL", str(tmp_path / "nowhere"))
    monkeypatch.delenv("DEEPFAKE_MODELS")
    assert main(["doctor"]) == 1
    assert "There is no model" in capsys.readouterr().out
