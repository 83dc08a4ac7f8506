"""A scan as one page for people: opens from disk, asks nothing of any server."""

from __future__ import annotations

import base64
import hashlib
import heapq
import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from jinja2 import Environment, PackageLoader, StrictUndefined

from deepfake.modelstore.resolve import LoadedModel
from deepfake.scan.documents import ScanRowDocument
from deepfake.scan.journal import Journal
from deepfake.scan.rows import Summary, rows

# What a browser opens in a second or two; 3 KB a file.
MAX_SHOWN = 20_000
WORDS = {
    "fake": "fake", "uncertain": "uncertain", "real": "real", "not_applicable": "not judged",
    "unreadable": "not read",
}  # fmt: skip
ICONS = {
    "fake": "▲", "uncertain": "◆", "real": "●", "not_applicable": "○", "unreadable": "✕",
}  # fmt: skip
Card = tuple[str, str, float | None, str, bool, str]


def write(
    file: IO[bytes], journal: Journal, model: LoadedModel, threshold: float, summary: Summary
) -> None:
    """Write the page.

    Args:
        file: binary file.
        journal: Journal. With thumbnails.
        model: LoadedModel. The one that judged.
        threshold: float. P(fake) that verdicts were made at.
        summary: Summary. Of the same rows.
    """
    style, script = (_asset(name) for name in ("gallery.css", "gallery.js"))
    counts = {**dict.fromkeys(WORDS, 0), **summary.verdicts}
    counts.update(unreadable=summary.unreadable)
    shown = min(summary.files, MAX_SHOWN)
    environment = Environment(
        loader=PackageLoader("deepfake.scan", "."), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    head = environment.get_template("gallery.html.jinja").render(
        summary=summary, manifest=model.manifest, threshold=threshold, words=WORDS, icons=ICONS,
        counts=counts, shown=shown, left_out=summary.files - shown, style=style,
        # Only this very style and script are let in, and pictures that are in the page itself.
        policy=f"default-src 'none'; img-src data:; style-src 'sha256-{_hash(style)}'; "
        f"script-src 'sha256-{_hash(script)}'; base-uri 'none'; "
        "form-action 'none'",
    )  # fmt: skip
    file.write(head.encode())
    cards = heapq.nlargest(
        MAX_SHOWN, _cards(journal, model, threshold), key=lambda card: card[2] or -1.0
    )
    for index, card in enumerate(cards):
        # A name may hold "</script>".
        text = json.dumps(card, ensure_ascii=False).replace("<", "\\u003c")
        file.write(f"{',' if index else ''}{text}\n".encode())
    file.write(f"]</script>\n<script>{script}</script>\n</body>\n</html>\n".encode())


def _cards(journal: Journal, model: LoadedModel, threshold: float) -> Iterator[Card]:
    for row, thumbnail in rows(journal, model, threshold):
        kind = row["verdict"] or "unreadable"
        copy = row["duplicate_of"] is not None
        picture = base64.b64encode(thumbnail).decode() if thumbnail else ""
        yield row["path"], kind, row["p_fake"], _remark(row), copy, picture


def _remark(row: ScanRowDocument) -> str:
    if row["error"]:
        return row["error"]
    if row["duplicate_of"] is not None:
        return f"The same file as {row['duplicate_of']}"
    if row["near_duplicate_of"] is not None:
        return f"Looks like {row['near_duplicate_of']}"
    if row["video"] is not None:
        count = len(row["video"]["people"])
        people = "nobody" if not count else "1 person" if count == 1 else f"{count} people"
        return f"Video of {row['video']['seconds']:.0f} s, {people}"
    if row["notes"]:
        return " ".join(row["notes"])
    count = row["face_count"]
    return "No face" if not count else "1 face" if count == 1 else f"{count} faces"


def _asset(name: str) -> str:
    return (Path(__file__).parent / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
