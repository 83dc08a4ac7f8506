import threading
from contextlib import suppress
from dataclasses import replace

import pytest

import deepfake
from deepfake import progress
from deepfake.errors import ModelError, ModelNotFoundError
from deepfake.settings import Settings, models_folder
from deepfake.shelf import Shelf, model_names, say_failure


@pytest.fixture
def settings():
    return Settings()


def test_named_models_come_first_and_the_settings_add_more():
    settings = Settings(model="a", models="b, c,,a")
    assert model_names(settings) == ("a", "b", "c")
    assert model_names(settings, ["x", "b"]) == ("x", "b", "c", "a")


def test_a_model_is_loaded_when_it_is_first_needed(make_model, settings):
    names = ("default", str(make_model("other")))
    shelf = Shelf(names, settings)
    assert shelf.loaded == ()
    assert shelf.title(names[1]) == "other 1.0" and shelf.loaded == ()
    assert shelf.detector(names[1]).model.manifest.name == "other"
    assert shelf.loaded == names[1:]


def test_the_least_recently_used_model_is_dropped(make_model, settings):
    first, second, third = (str(make_model(name)) for name in ("a", "b", "c"))
    shelf = Shelf((first, second, third), replace(settings, loaded_models=2))
    for name in (first, second, first, third):
        shelf.detector(name)
    assert shelf.loaded == (first, third)


def test_threads_that_need_the_same_model_get_the_same_one(make_model, settings):
    name = str(make_model("other"))
    shelf = Shelf((name,), settings)
    start, got = threading.Barrier(4), []

    def need():
        start.wait()
        got.append(shelf.detector(name))

    threads = [threading.Thread(target=need) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 4 and len(set(map(id, got))) == 1


def test_whoever_watches_is_not_kept_waiting_for_a_model_of_another(settings, monkeypatch):
    monkeypatch.setattr(progress, "PATIENCE_SECONDS", 0.01)
    begun, end = threading.Event(), threading.Event()

    def loading(_):
        begun.set()
        end.wait(30)
        raise ModelError("It was refused. Choose another.")

    shelf = Shelf((), settings, check_other=loading)

    def need():
        with suppress(ModelError):
            shelf.detector("/somewhere/slow.h5")

    thread = threading.Thread(target=need)
    thread.start()
    try:
        assert begun.wait(30)
        with (
            progress.listening(lambda _: None),
            pytest.raises(ModelError, match=r"^slow\.h5 is .* Try again in a minute"),
        ):
            shelf.detector("/somewhere/slow.h5")
    finally:
        end.set()
        thread.join()
    # Its turn was given back.
    with pytest.raises(ModelError, match="refused"):
        shelf.detector("/somewhere/slow.h5")


def test_models_of_this_machine_are_tried_before_anybody_asks(make_model, settings, tmp_path):
    damaged, silent = tmp_path / "damaged.h5", tmp_path / "silent.tflite"
    damaged.write_bytes(b"\x89HDF\r\n\x1a\n" + b"\0" * 100)
    # It loads, but nobody has said what its score means.
    silent.write_bytes((models_folder() / "default" / "model.tflite").read_bytes())
    told = {}
    names = (str(make_model("first")), str(silent), str(damaged), "hf://owner/elsewhere")
    shelf = Shelf(names, settings, told.__setitem__)
    shelf.try_own()
    # Each that cannot judge is named, and the page goes on with the others.
    assert set(told) == {str(damaged), str(silent)} and shelf.loaded == names[:1]
    assert "--positive" in told[str(silent)]


def test_a_failure_is_remembered_and_the_others_go_on(broken_model, make_model, settings):
    shelf = Shelf((str(broken_model), "default"), settings)
    with pytest.raises(ModelError, match="not the file that its manifest describes") as first:
        shelf.detector(str(broken_model))
    shelf.detector("default")
    # Mended, but not tried again yet: a visitor's clicks must not load it over and over.
    good = make_model("good") / "model.tflite"
    (broken_model / "model.tflite").write_bytes(good.read_bytes())
    with pytest.raises(ModelError) as again:
        shelf.detector(str(broken_model))
    assert str(again.value) == str(first.value)
    assert again.value.public == first.value.public
    assert again.value.public.startswith("model.tflite is not the file")


def test_a_failure_stays_of_its_kind(settings):
    shelf = Shelf(("/no/such/model.h5",), settings)
    for _ in range(2):
        with pytest.raises(ModelNotFoundError, match="/no/such/model") as failure:
            shelf.detector("/no/such/model.h5")
        assert "/no" not in failure.value.public


def test_a_mended_model_is_used_after_a_while(broken_model, make_model, settings):
    shelf = Shelf((str(broken_model),), settings, retry_seconds=0.0)
    with pytest.raises(ModelError):
        shelf.detector(str(broken_model))
    good = make_model("good") / "model.tflite"
    (broken_model / "model.tflite").write_bytes(good.read_bytes())
    assert shelf.detector(str(broken_model)).model.manifest.name == "broken"


def test_models_of_the_same_name_and_version_are_told_apart(make_model, settings):
    shelf = Shelf((str(make_model("same")), str(make_model("same"))), settings)
    assert [shelf.title(name) for name in shelf.names] == ["same 1.0", "same 1.0 (2)"]


def test_people_read_a_title_and_programs_may_send_the_name(make_model, settings):
    name = str(make_model("runs-7", title="Face check"))
    shelf = Shelf((name,), settings)
    assert shelf.title(name) == "Face check 1.0"
    assert all(shelf.means(said, name) for said in ("Face check 1.0", "Face check", "runs-7"))
    assert not shelf.means("Face", name)


def test_titles_do_not_show_folders_of_the_server(settings):
    shelf = Shelf(("/srv/secret/place/model.h5",), settings)
    assert shelf.title("/srv/secret/place/model.h5") == "model.h5"


def test_predict_keeps_its_model_and_takes_a_mended_one_at_once(broken_model, make_model, portrait):
    with pytest.raises(ModelError, match="not the file"):
        deepfake.predict(portrait, broken_model)
    file = broken_model / "model.tflite"
    file.write_bytes((make_model("good") / "model.tflite").read_bytes())
    first = deepfake.predict(portrait, broken_model)
    file.unlink()
    assert deepfake.predict(portrait, broken_model) == first


def test_what_the_operator_reads_of_a_failure_is_one_line_without_codes(capsys):
    say_failure("a\nmodel.onnx", "Its class is called \x1b[2J.")
    said = capsys.readouterr().err
    assert said.endswith(".\n") and said[:-1].isprintable()
