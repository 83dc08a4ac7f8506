"""Writes docs/api.md and docs/detect.schema.json from the program: python docs/make_api.py.

A test checks that both are current.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from deepfake.documents import (
    ComparisonDocument,
    ErrorDocument,
    LabelsDocument,
    RecordDocument,
    ReportDocument,
)
from deepfake.scan.documents import ScanRowDocument
from deepfake.schema import json_schema

HEAD = r"""# What programs get

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

`deepfake scan FOLDER -o FILE` writes [a row](#scan-row) for each file: as JSON lines, as CSV, or as
Parquet with the same names ([scaling.md](scaling.md)).

## Asking a page

A page answers programs, too, through Gradio's clients or plain HTTP: the photo is sent first, then
the question, then the answer is fetched. `/gradio_api/info` has the schemas.

| endpoint | takes | answers with |
|---|---|---|
| `/predict` | `photo`, `model` | [two numbers](#labels); an error where no face was judged |
| `/detect` | `photo`, `threshold`, `provenance`, `model` | [a report](#report) |
| `/compare` | `photo`, `threshold`, `models` | [a comparison](#comparison) |

Only `photo` must be given. `model`, `models` (a list) and `/compare` are there on a page with
several models, which are named as the page shows them.

Python (`pip install gradio_client`):

```python
from gradio_client import Client, handle_file

client = Client("http://127.0.0.1:7860")
report = client.predict(handle_file("photo.jpg"), threshold=0.9, api_name="/detect")
print(report["verdict"], report["p_fake"])
```

JavaScript (Node.js 20, as an `.mjs` file):

```js
import { openAsBlob } from "node:fs";

const page = "http://127.0.0.1:7860/gradio_api";
const ask = async (path, options) => {
  const response = await fetch(page + path, options);
  if (!response.ok) throw new Error((await response.json()).detail);
  return response;
};
const form = new FormData();
form.append("files", await openAsBlob("photo.jpg"), "photo.jpg");
const [path] = await (await ask("/upload", { method: "POST", body: form })).json();
const photo = { path, meta: { _type: "gradio.FileData" } };
const question = JSON.stringify({ photo, threshold: 0.9 });
const headers = { "Content-Type": "application/json" };
const asked = await ask("/call/v2/detect", { method: "POST", headers, body: question });
const { event_id } = await asked.json();
const events = await (await ask(`/call/detect/${event_id}`)).text();
const [, kind, data] = events.trim().match(/event: (complete|error)\ndata: (.*)$/);
if (kind === "error") throw new Error(JSON.parse(data).error);
const [report] = JSON.parse(data);
console.log(report.verdict, report.p_fake);
```

curl:

```sh
page=http://127.0.0.1:7860/gradio_api
path=$(curl -sS -F files=@photo.jpg $page/upload | tr -d '[]"')
photo="{\"path\": \"$path\", \"meta\": {\"_type\": \"gradio.FileData\"}}"
asked=$(curl -sS --json "{\"photo\": $photo, \"threshold\": 0.9}" $page/call/v2/detect)
event=$(echo "$asked" | cut -d'"' -f4)
curl -sS $page/call/detect/$event    # event: complete, data: [the report]
```

**Refusals and errors** are sentences for people. Refused, to be tried again later: at the door by
HTTP 429 (too many wait) or 507 (no room for uploads) with `Retry-After`; after the door by an
`event: error` whose `title` is "Not analysed" (the visitor's limit is used up). Any other
`event: error` is final, such as of a file that is no picture. Addresses of photos are not fetched.

## Asking as an assistant

`pip install 'deepfake[mcp]'`, then `deepfake serve --mcp`: the page then also speaks the [Model
Context Protocol](https://modelcontextprotocol.io) (streamable HTTP, stateless) at `/mcp`. Its tools
are the endpoints above and nothing else, with schemas of what they take and answer:

```sh
claude mcp add --transport http deepfake http://127.0.0.1:7860/mcp
```

`photo` is a text here: the file as `data:image/jpeg;base64,…` (up to 4 MB of text), or a path. On a
page that only this machine can reach, that is the path of any photo on this machine, which whoever
can reach the page may then ask about; on others, the path that `/gradio_api/upload` answered with.
Limits hold as for the page. Passwords (`--auth`) and `--mcp` do not go together.
"""
PLAIN = {"string": "text", "integer": "whole number", "number": "number", "null": "null"}
PLAIN["boolean"] = "true or false"


LINES = ReportDocument | ComparisonDocument | ErrorDocument


def schema(documents: Any = LINES) -> dict[str, Any]:
    """The JSON schema of a line of `deepfake detect --json`."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A line of `deepfake detect --json`",
        **json_schema(documents),
    }


def text() -> str:
    """All documents with their fields, in Markdown."""
    whole = schema(LINES | RecordDocument | ScanRowDocument | LabelsDocument)
    return HEAD + "".join(_table(name, whole["$defs"][name]) for name in _in_order(whole))


def schema_text() -> str:
    """The schema as the file has it."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


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
    if isinstance(value.get("additionalProperties"), dict):
        return f"object: name → {_kind(value['additionalProperties'])}"
    if value.get("maximum") == 1:
        return "number in [0, 1]"
    return PLAIN[value["type"]]


if __name__ == "__main__":
    folder = Path(__file__).parent
    (folder / "api.md").write_text(text(), encoding="utf-8")
    (folder / "detect.schema.json").write_text(schema_text(), encoding="utf-8")
