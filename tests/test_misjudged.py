"""`deepfake misjudged`: what is kept, and what a new model has fixed or made worse."""

import json
import stat

import pytest

from deepfake.cli import main


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    return tmp_path / "deepfake" / "misjudged"


@pytest.fixture(scope="module")
def models(make_model):
    """One that calls every face fake, and one that calls every face real."""
    always = make_model("always", threshold=0.0, uncertain_band=[0.0, 0.0])
    never = make_model("never", threshold=1.0, uncertain_band=[1.0, 1.0])
    return str(always), str(never)


def run(*arguments):
    return main(["misjudged", *map(str, arguments)])


def test_a_new_model_is_told_what_it_fixed_and_what_got_worse(
    folder, models, portrait, other_portrait, capsys
):
    always, never = models
    assert run("add", "--real", portrait, "--model", always) == 0
    assert "eileen_collins.png is real, and always 1.0 says fake" in capsys.readouterr().out
    assert run("add", "--fake", other_portrait, "--model", never) == 0
    # The photo that only it misjudges is fixed by the other, and the other way round.
    capsys.readouterr()
    assert run("run", "--model", never) == 0
    said = capsys.readouterr().out
    assert "fixed            real  eileen_collins.png: always 1.0 said fake" in said
    assert "still wrong      fake  grace_hopper.jpg" in said
    assert "Of 2 misjudged photos: 1 fixed, 1 still wrong." in said
    assert run("run", "--model", always) == 3
    said = capsys.readouterr().out
    assert "worse            real  eileen_collins.png: never 1.0 said real" in said
    assert "1 worse, 1 fixed" in said
    # And again the same: it is compared with the model before, not with itself.
    assert run("run", "--model", always) == 3


def test_what_was_just_trained_or_fetched_is_tried_on_them(folder, models, portrait):
    from deepfake.commands.misjudged import on_new_model

    always, never = models
    assert on_new_model(never) == ""
    run("add", "--real", portrait, "--model", always)
    assert "1 fixed" in on_new_model(never)
    assert "could not be tried" in on_new_model("no/such")


def test_what_is_kept_is_the_owners_only_and_a_set_to_evaluate_on(
    folder, models, portrait, tmp_path
):
    from deepfake.datasets.layouts import read_folders

    run("add", "--real", portrait, "--model", models[0])
    (photo,) = (folder / "real").glob("*.png")
    assert photo.read_bytes() == portrait.read_bytes()
    (note,) = (folder / "real").glob("*.json")
    entry = json.loads(note.read_text())
    assert entry["file"] == "eileen_collins.png" and str(portrait.parent) not in note.read_text()
    for path in (folder, photo, note):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0
    (sample,) = read_folders(folder).samples
    assert sample.path == photo and sample.label == 0


def test_somebody_who_changes_their_mind_leaves_one_copy(folder, models, portrait):
    run("add", "--real", portrait, "--model", models[0])
    run("add", "--fake", portrait, "--model", models[1])
    assert not [*(folder / "real").iterdir()]
    assert len([*(folder / "fake").iterdir()]) == 2


def test_one_that_is_judged_rightly_does_not_end_the_others(folder, models, portrait, capsys):
    fake = portrait.parent / "fake_swap_collins.jpg"
    assert run("add", "--real", portrait, portrait.parent / "no.jpg", fake) == 2
    out, err = capsys.readouterr()
    assert "calls this photo real" in err and "no.jpg" in err
    assert "is real, and" in out and len([*(folder / "real").glob("*.jp*g")]) == 1


def test_there_is_a_sentence_for_what_cannot_be_done(folder, models, portrait, capsys, monkeypatch):
    assert run("run") == 1
    assert "No misjudged photos are kept" in capsys.readouterr().err
    assert run("add", "--fake", portrait, "--model", models[0]) == 1
    assert "calls this photo fake at its own threshold" in capsys.readouterr().err
    assert not folder.exists()
    assert run("add", "--real", portrait, "--model", models[0], "--folder", "/proc/no") == 1
    assert "cannot be kept" in capsys.readouterr().err
    run("add", "--real", portrait, "--model", models[0])
    (photo,) = (folder / "real").glob("*.png")
    photo.write_bytes(b"no picture any more")
    capsys.readouterr()
    assert run("run", "--model", models[1]) == 0
    assert "unreadable" in capsys.readouterr().out
    photo.with_suffix(".json").write_text("{}")
    assert run("run", "--model", models[1]) == 1
    assert "Remove it and the photo beside it" in capsys.readouterr().err
    monkeypatch.setenv("DEEPFAKE_MISJUDGED", "off")
    assert run("run") == 1
    assert "switched off" in capsys.readouterr().err
