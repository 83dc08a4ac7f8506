"""The table of formats: what every other module asks."""

import subprocess
import sys

import pytest

from deepfake.modelstore import formats
from deepfake.modelstore.formats import FORMATS, bring, by_name, served


@pytest.mark.parametrize("row", FORMATS, ids=lambda row: row.kind)
def test_what_a_row_names_is_there(row):
    for place in filter(None, (row.open, row.inspect, row.from_bytes)):
        assert callable(bring(place)), place
    assert row.suffixes or row.marker


def test_no_format_is_forgotten_and_no_ending_stands_for_two():
    assert set(FORMATS) == set(formats.BY_KIND.values())
    endings = [(row, ending) for row in FORMATS for ending in row.suffixes or (row.marker,)]
    assert sorted(ending for _, ending in formats.SEARCHED) == sorted(e for _, e in endings)
    assert set(formats.SEARCHED) == set(endings)
    assert len(set(formats.SUFFIXES)) == len(formats.SUFFIXES)


def test_the_table_brings_no_library_along():
    """The command line reads it before it knows whether a model is needed at all."""
    heavy = "{'numpy', 'tensorflow', 'keras', 'onnxruntime', 'h5py', 'ai_edge_litert'}"
    code = f"import sys, deepfake.modelstore.formats; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "set()", done.stdout + done.stderr


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["model.keras", "model.tflite"], "model.tflite"),
        (["b.h5", "MODEL.ONNX", "a.keras"], "MODEL.ONNX"),
        (["b.keras", "a.keras"], "b.keras"),
        (["saved", "notes.txt"], None),
    ],
)
def test_the_fastest_file_of_a_model_is_served(names, expected):
    assert served(names) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("model.tflite", formats.LITERT),
        ("runs/MODEL.HDF5", formats.HDF5),
        ("model.pickle", formats.PICKLE),
        ("saved_model", formats.SAVED_MODEL),
    ],
)
def test_a_name_promises_a_format(name, expected):
    assert by_name(name) is expected
