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
