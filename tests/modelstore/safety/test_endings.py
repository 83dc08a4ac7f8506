import json

import pytest

from deepfake.modelstore.safety import endings


@pytest.mark.parametrize("said", ["sentence", "json"])
def test_what_a_child_says_is_short_and_never_ends_in_half_a_word(said):
    text = "every word is whole, " * 400
    if said == "json":
        text = json.dumps({"kind": "ModelError", "sentence": text, "path": ""})
    shown = str(endings.told(text))
    assert len(shown) <= endings.MAX_SENTENCE
    assert {*shown.removesuffix(" …").replace(",", "").split()} == {"every", "word", "is", "whole"}
