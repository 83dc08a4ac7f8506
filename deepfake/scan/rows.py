"""The journal → rows, one a file, and how many there are of each kind."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from deepfake.formatting import printable
from deepfake.modelstore.resolve import LoadedModel
from deepfake.scan.item import Kind
from deepfake.scan.journal import Journal

if TYPE_CHECKING:
    from deepfake.scan.documents import ScanRowDocument

# Of the page, which judges videos in a tab of their own.
NOT_SCANNED = "A video: it was passed over. `deepfake video` judges one at a time."
# What a row has where its file gave nothing.
EMPTY: dict[str, Any] = {
    "bytes": None, "format": None, "width": None, "height": None, "verdict": None, "p_fake": None,
    "reasons": [], "signs": None, "notes": [], "faces": [], "video": None, "error": None,
}  # fmt: skip


@dataclass
class Summary:
    """What came of a scan.

    Attributes:
        files: int. Rows.
        verdicts: Counter. Verdict → files.
        unreadable: int. Files with an error.
        duplicates: int. Files with the bytes of an earlier one.
        look_alikes: int. Files that look like an earlier one, in other bytes.
        videos: int. Files that are videos, judged or not.
    """

    files: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    unreadable: int = 0
    duplicates: int = 0
    look_alikes: int = 0
    videos: int = 0

    def add(self, row: ScanRowDocument) -> None:
        """Count a row."""
        self.files += 1
        if row["verdict"] is not None:
            self.verdicts[row["verdict"]] += 1
        self.unreadable += row["error"] is not None
        self.duplicates += row["duplicate_of"] is not None
        self.look_alikes += row["near_duplicate_of"] is not None
        self.videos += row["kind"] == "video"


def rows(
    journal: Journal, model: LoadedModel, threshold: float
) -> Iterator[tuple[ScanRowDocument, bytes | None]]:
    """The rows of all files that are done, by name, each with its thumbnail.

    Args:
        journal: Journal.
        model: LoadedModel. The one that judged.
        threshold: float. P(fake) that verdicts were made at.
    """
    for name, kind, problem, content, document, first, alike, thumbnail in journal.rows():
        found = json.loads(document) if document else {"error": problem or None}
        row = row_of(
            _text(name), cast(Kind, kind), content, found, model, threshold,
            duplicate_of=_text(first) if first not in (None, name) else None,
            near_duplicate_of=_text(alike) if alike not in (None, first) else None,
        )  # fmt: skip
        yield row, thumbnail


def row_of(
    path: str,
    kind: Kind,
    sha256: str | None,
    found: Mapping[str, Any],
    model: LoadedModel,
    threshold: float,
    *,
    duplicate_of: str | None = None,
    near_duplicate_of: str | None = None,
) -> ScanRowDocument:
    """The row of a file.

    Args:
        path: str. What it is called.
        kind: Kind.
        sha256: str. Of its content, if that was read.
        found: mapping. As of `judging.document` or `video_document`, or "error" and why there is
            nothing else; empty for a video that was passed over.
        model: LoadedModel. The one that judged.
        threshold: float. P(fake) that the verdict was made at.
        duplicate_of: str. The first file with the same bytes, if this is another.
        near_duplicate_of: str. The first file that looks the same, if this is another.
    """
    whole = {**EMPTY, **found}
    if kind == "video" and not found:
        whole["notes"] = [NOT_SCANNED]
    row = {
        "path": path,
        "kind": "picture" if kind == "unknown" else kind,
        "sha256": sha256,
        **{field: whole[field] for field in ("bytes", "format", "width", "height")},
        **{field: whole[field] for field in ("verdict", "p_fake")},
        "threshold": threshold,
        **{field: whole[field] for field in ("reasons", "signs")},
        "face_count": len(whole["faces"]),
        **{field: whole[field] for field in ("faces", "video", "notes", "error")},
        "duplicate_of": duplicate_of,
        "near_duplicate_of": near_duplicate_of,
        "model": {
            "name": model.manifest.name, "version": model.manifest.version, "sha256": model.sha256,
        },
    }  # fmt: skip
    return cast("ScanRowDocument", row)


def _text(name: bytes | None) -> str:
    return str(printable(os.fsdecode(name or b"")))
