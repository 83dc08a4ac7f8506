import ast
import copy
import pickle
from pathlib import Path

import pytest

from deepfake import errors
from deepfake.errors import HostileModelError, ImageError, ModelError


@pytest.mark.parametrize(
    ("path", "sentence", "expected"),
    [
        ("/srv/my models/m.h5", "{path} is empty.", "m.h5 is empty."),
        ("/srv/it's mine/m.h5", "There is nothing in {path!r}.", "There is nothing in 'm.h5'."),
        ("models/a b/m.h5", "{path} is empty.", "m.h5 is empty."),
        ("~/a b/m.h5", "{path} is empty.", "m.h5 is empty."),
        ("/srv/a b/m", "{path} lists {path}/m.tflite.", "m lists m/m.tflite."),
        ("/srv/a b/m.onnx", "{path} asks for /srv/a b/m.bin.", "m.onnx asks for m.bin."),
        ("/srv/a b/m.pb", "{path} is a part. Name /srv/a b.", "m.pb is a part. Name …."),
        ("a/m.h5", "{path} needs a data/model.", "m.h5 needs a data/model."),
        ("/", "{path} and/or another.", "/ and/or another."),
        ("", "Scale by 1/255 and/or crop.", "Scale by 1/255 and/or crop."),
        ("hf://owner/name", "Is {path} yours?", "Is hf://owner/name yours?"),
    ],
)
def test_visitors_are_not_told_where_a_model_lies(path, sentence, expected):
    sentence = sentence.format(path=path)
    for given in {path, Path(path)} if path and "://" not in path else {path}:
        error = ModelError(sentence, path=given)
        assert (str(error), error.public) == (sentence, expected)


def test_other_sentences_are_for_everybody():
    assert ImageError("The file is empty.").public == "The file is empty."


@pytest.mark.parametrize("again", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))])
def test_an_error_keeps_its_path_where_it_is_sent(again):
    error = again(HostileModelError("/a b/m.h5 holds code.", path="/a b/m.h5"))
    assert type(error) is HostileModelError and error.public == "m.h5 holds code."


def test_each_kind_of_model_error_is_caught_as_one():
    kinds = ("ModelNotFound", "Unanswered", "UnknownLabels", "HostileModel", "MissingPackage")
    assert all(issubclass(getattr(errors, f"{kind}Error"), ModelError) for kind in kinds)


def quoted_paths(sentence):
    """Expressions in an f-string that are paths of this machine, by their usual names."""
    for part in ast.walk(sentence):
        match part:
            case ast.FormattedValue(value=ast.Name(id="path" | "folder" | "file" | "source")):
                yield part
            case ast.FormattedValue(value=ast.Attribute(attr="file" | "folder" | "parent")):
                yield part


def test_a_sentence_that_quotes_a_path_passes_it():
    kinds = {name for name in vars(errors) if name.endswith("Error")}
    package = Path(errors.__file__).parent
    # Paths within a repository of the Hub are no secrets.
    public = {package / "modelstore" / "hub" / name for name in ("address.py", "files.py")}
    checked = 0
    for file in sorted({*package.rglob("*.py")} - public):
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            match call:
                case ast.Call(func=ast.Name(id=name), args=[sentence, *_]) if name in kinds:
                    is_model = issubclass(getattr(errors, name), ModelError)
                    if is_model and any(quoted_paths(sentence)):
                        checked += 1
                        assert any(k.arg == "path" for k in call.keywords), (file, call.lineno)
    assert checked > 30
