"""Writes docs/api.md and docs/detect.schema.json from the program: python docs/make_api.py.

A test checks that both are current.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from deepfake.documents import ComparisonDocument, ErrorDocument, RecordDocument, ReportDocument

HEAD = """# What programs get

Written by `python docs/make_api.py` from the program itself.

| | one model | several models |
|---|---|---|
| Python | `Report.to_dict()` | `Comparison.to_dict()` |
| command line | `detect --json PHOTO` | `detect --json --model A --model B PHOTO` |
| page | `/detect` | `/compare` |
| document | [a report](#report) | [a comparison](#comparison) |

`detect --json` prints a document a line; a file that cannot be read gets [an error](#error) in its
place, a sentence on stderr, and 2 as the exit code. A field that has nothing to say is `null` or
empty, never left out, and there are no others. [detect.schema.json](detect.schema.json) says the
same as a JSON schema, which a line can be checked with:

```python
import json, jsonschema

schema = json.load(open("docs/detect.schema.json"))
for line in open("verdicts.jsonl"):
    jsonschema.validate(json.loads(line), schema)
```

`detect --report FILE.json PHOTO` writes [a record](#record): a report with all that is needed to
look at it (pictures, error rates) and to check it (`deepfake verify FILE.json PHOTO`).

The page answers programs through `gradio_client`, or plain HTTP as Gradio documents it:

```python
from gradio_client import Client, handle_file

client = Client("http://127.0.0.1:7860")
client.predict(handle_file("photo.jpg"), api_name="/predict")  # {"Fake": 0.93, "Real": 0.07}
client.predict(handle_file("photo.jpg"), api_name="/detect")  # a report
client.predict(handle_file("photo.jpg"), api_name="/compare")  # a comparison
```

`/predict` is `deepfake.predict`: P(fake) and 1 − P(fake), or an error where no face was judged.
With several models, `/predict` and `/detect` take `model=`, and `/compare` takes `models=[…]`, by
the names that the page shows. Errors are sentences for people.
"""
SUFFIX = "Document"
PLAIN = {"string": "text", "integer": "whole number", "number": "number", "null": "null"}
PLAIN["boolean"] = "true or false"


LINES = ReportDocument | ComparisonDocument | ErrorDocument


def schema(documents: Any = LINES) -> dict[str, Any]:
    """The JSON schema of a line of `deepfake detect --json`."""
    made = TypeAdapter(documents).json_schema(ref_template="#/$defs/{model}")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A line of `deepfake detect --json`",
        **_tidy(made),
    }


def text() -> str:
    """All documents with their fields, in Markdown."""
    whole = schema(LINES | RecordDocument)
    return HEAD + "".join(_table(name, whole["$defs"][name]) for name in _in_order(whole))


def schema_text() -> str:
    """The schema as the file has it."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def _tidy(part: Any) -> Any:
    """Without the titles that Pydantic makes of names, and with names as docs/api.md has them."""
    if isinstance(part, dict):
        return {
            key.removesuffix(SUFFIX): _tidy(value)
            for key, value in part.items()
            if not (key == "title" and isinstance(value, str))
        }
    if isinstance(part, list):
        return [_tidy(item) for item in part]
    if isinstance(part, str) and part.startswith("#/$defs/"):
        return part.removesuffix(SUFFIX)
    return part


def _in_order(whole: dict[str, Any]) -> list[str]:
    """The documents, each followed by those that it holds for the first time."""
    found: list[str] = []
    waiting = _named(whole["anyOf"])
    while waiting:
        name = waiting.pop(0)
        if name not in found:
            found.append(name)
            waiting = [*_named(whole["$defs"][name]["properties"]), *waiting]
    return found


def _named(part: Any) -> list[str]:
    if isinstance(part, dict):
        here = [part["$ref"].rpartition("/")[2]] if "$ref" in part else []
        return here + [name for value in part.values() for name in _named(value)]
    return [name for item in part for name in _named(item)] if isinstance(part, list) else []


def _table(name: str, part: dict[str, Any]) -> str:
    about = part["description"].replace("\n", " ").replace("  ", " ")
    rows = (
        f"| `{field}` | {_kind(value)} | {value['description']} |\n"
        for field, value in part["properties"].items()
    )
    return f"\n## {_title(name)}\n\n{about}\n\n| field | holds | |\n|---|---|---|\n{''.join(rows)}"


def _title(name: str) -> str:
    """FailedRow → Failed row."""
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name)
    return words.strip().capitalize()


def _kind(value: dict[str, Any]) -> str:
    """What a field holds, in words."""
    if "anyOf" in value:
        return " or ".join(_kind(kind) for kind in value["anyOf"])
    if "$ref" in value:
        title = _title(value["$ref"].rpartition("/")[2])
        return f"[{title.lower()}](#{title.lower().replace(' ', '-')})"
    if "const" in value:
        return f"`{json.dumps(value['const'])}`"
    if "enum" in value:
        return ", ".join(f'`"{word}"`' for word in value["enum"])
    if value["type"] == "array":
        count = f"{value['minItems']} × " if "minItems" in value else "list of "
        inner = _kind(value["items"])
        return f"{count}({inner})" if " " in inner and "](" not in inner else f"{count}{inner}"
    if value.get("maximum") == 1:
        return "number in [0, 1]"
    return PLAIN[value["type"]]


if __name__ == "__main__":
    folder = Path(__file__).parent
    (folder / "api.md").write_text(text(), encoding="utf-8")
    (folder / "detect.schema.json").write_text(schema_text(), encoding="utf-8")
