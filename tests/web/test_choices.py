import pytest

from deepfake.errors import ModelError
from deepfake.settings import Settings
from deepfake.shelf import Shelf
from deepfake.web.choices import Choices
from tests import default_model


def choices(*names, **settings):
    return Choices(Shelf([str(name) for name in names], Settings(**settings)))


def test_a_broken_first_model_does_not_keep_the_page_from_starting(broken_model):
    made = choices(broken_model, "default")
    assert (
        made.labels == ["broken 1.0", default_model.TITLE] and made.default == default_model.TITLE
    )
    assert made.detector(None).model.manifest.name == "default"


def test_without_any_usable_model_the_reason_is_said(broken_model):
    with pytest.raises(ModelError, match="not the file that its manifest describes"):
        choices(broken_model)


def test_a_model_is_named_with_or_without_its_version(make_model):
    other = make_model("other")
    made = choices("default", other)
    assert made.name("other 1.0") == made.name("other") == str(other)
    assert made.name("") == made.name(None) == "default"


@pytest.mark.parametrize(
    ("field", "typed", "allowed"),
    [
        ("no", "hf://owner/name", False),
        ("no", "/srv/model.h5", False),
        ("yes", "hf://owner/name", True),
        ("yes", "/srv/model.h5", False),
        ("yes", "default/../secret", False),
        ("paths", "/srv/model.h5", True),
    ],
)
def test_what_a_visitor_may_type_is_for_the_operator_to_say(field, typed, allowed):
    made = choices("default", model_field=field)
    if allowed:
        assert made.name(typed) == typed
    else:
        with pytest.raises(ModelError, match="There is no model"):
            made.name(typed)
