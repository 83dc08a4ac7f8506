import importlib
import json
import re

import pytest

from deepfake.modelstore.hub.processors import DEFAULTS, of_transformers
from tests.modelstore.hub.processor_cases import CASES, DOCS, EQUAL, compared, reference, table

pytestmark = pytest.mark.slow
OURS_ONLY = ("Perceiver",)


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_pictures_are_prepared_as_transformers_does(case):
    said, worst = compared(*case[1:])
    assert worst <= EQUAL and "NOT EQUAL" not in said
    assert said.startswith("refused") == (case[0] in ("Perceiver", "YOLOS"))


def test_the_table_in_the_docs_is_what_was_found():
    assert table() in DOCS.read_text("utf-8")


@pytest.mark.parametrize("name", [name for name in DEFAULTS if name not in OURS_ONLY])
def test_what_a_file_leaves_out_is_what_its_processor_takes(name):
    module = re.sub(r"(?<=[a-z])(?=V[12])", "_", name).lower()
    module = {"chineseclip": "chinese_clip"}.get(module, module)
    importlib.import_module(f"transformers.models.{module}")
    whole = json.loads(reference(module, name, {}).to_json_string())
    assert of_transformers({"image_processor_type": f"{name}ImageProcessor"}) == (
        of_transformers(whole)
    )
