"""Documents that are written from the program must say what it says."""

import json
import re
import runpy
from pathlib import Path

import jsonschema
import pytest

from deepfake.cli import main

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


def test_the_command_line_is_documented_as_it_is():
    text = runpy.run_path(str(DOCS / "make_cli.py"))["text"]()
    assert (DOCS / "cli.md").read_text(encoding="utf-8") == text, "run: python docs/make_cli.py"
    assert "## `deepfake evaluate`" in text and "## `deepfake data check`" in text


@pytest.fixture(scope="module")
def schema():
    return json.loads((DOCS / "detect.schema.json").read_text(encoding="utf-8"))


def test_the_json_is_documented_as_it_is():
    made = runpy.run_path(str(DOCS / "make_api.py"))
    for name, text in (("api.md", made["text"]()), ("detect.schema.json", made["schema_text"]())):
        assert (DOCS / name).read_text(encoding="utf-8") == text, "run: python docs/make_api.py"


def test_every_field_of_a_report_is_in_the_document(detector, portrait):
    text = (DOCS / "api.md").read_text(encoding="utf-8")

    def fields(part):
        if isinstance(part, dict):
            return {*part, *(f for value in part.values() for f in fields(value))}
        return {f for item in part for f in fields(item)} if isinstance(part, list) else set()

    found = fields(detector.detect(portrait).to_dict())
    assert len(found) > 25 and all(f"| `{field}` |" in text for field in found)


def printed(capsys, *arguments):
    """(exit code, the documents) of `deepfake detect --json`."""
    code = main(["detect", "--json", *map(str, arguments)])
    return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_the_lines_of_detect_are_as_the_schema_says(schema, broken_model, tmp_path, capsys):
    examples = ROOT / "examples"
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    (tmp_path / "empty").mkdir()
    code, lines = printed(capsys, examples, tmp_path / "bad.jpg", tmp_path / "empty", "missing.png")
    assert code == 2 and [line["file"] for line in lines if "error" in line] == [
        str(tmp_path / "bad.jpg"), str(tmp_path / "empty"), "missing.png",
    ]  # fmt: skip
    assert {line["verdict"] for line in lines if "verdict" in line} >= {"real", "not_applicable"}
    several = ["--model", "default", "--model", ROOT / "models/default", "--model", broken_model]
    pictures = [examples / "eileen_collins.png", examples / "coffee.png"]
    _, compared = printed(capsys, *several, *pictures)
    assert len(compared) == 2 and all("error" in line["models"][2] for line in compared)
    assert compared[0]["ensemble"]["models"] == 2
    checker = jsonschema.Draft202012Validator(schema)
    for line in lines + compared:
        checker.validate(line)


def test_the_schema_refuses_what_is_not_documented(schema, detector, portrait):
    report = json.loads(json.dumps(detector.detect(portrait).to_dict()))
    checker = jsonschema.Draft202012Validator(schema)
    assert checker.is_valid(report)
    assert not checker.is_valid({**report, "more": 1})
    del report["notes"]
    assert not checker.is_valid(report)


@pytest.mark.parametrize("name", ["hosting.md", "security.md"])
def test_each_promise_names_a_test_that_there_is(name):
    """In each row under "held by", and wherever else a test is named."""
    text = (DOCS / name).read_text(encoding="utf-8")
    promises, folder, is_held, known = 0, Path(), False, Path()
    for line in text.splitlines():
        if not line.startswith("|"):
            is_held, folder = False, Path()
        elif "held by" in line:
            is_held = True
            base = re.search(r"`(tests/[\w/]*)/`", line)
            folder = Path(base[1]) if base else Path()
            continue
        named = re.findall(r"`([\w/]*test_\w+\.py)`", line)
        for test in map(Path, named):
            known = (
                test
                if test.parts[0] == "tests"
                else (folder if folder.parts else known.parent) / test
            )
            found = ROOT / known
            assert found.is_file(), f"{name}: there is no {known}, as in: {line[:80]}"
            assert "\ndef test_" in found.read_text(encoding="utf-8"), known
        if is_held and not line.startswith("|-"):
            promises += 1
            assert named or "the same" in line, f"{name}: nothing holds: {line[:80]}"
    assert promises >= 10
