"""JSON schemas of what programs get, for docs/, the page's API and whoever checks a document."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

# Of the types' names in documents.py, which readers need not see.
SUFFIX = "Document"


def json_schema(kind: Any) -> dict[str, Any]:
    """The JSON schema of a document, or of a union of documents.

    Args:
        kind: type. Of `documents`.

    Returns:
        The schema, with the documents' names as docs/api.md has them.
    """
    made: dict[str, Any] = TypeAdapter(kind).json_schema(ref_template="#/$defs/{model}")
    tidied: dict[str, Any] = _tidy(made)
    return tidied


def _tidy(part: Any) -> Any:
    """Without the titles that Pydantic makes of names, and without the types' suffix."""
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
