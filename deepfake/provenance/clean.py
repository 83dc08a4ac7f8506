"""Text of strangers → text for people: short, on one line, without codes."""

from __future__ import annotations

from deepfake.formatting import on_one_line, printable

SHORT = 120


def clean(value: object, longest: int = SHORT) -> str:
    """Text of a file's metadata, whatever it is.

    Args:
        value: str, bytes, or anything else, which gives "".
        longest: int. In characters.
    """
    if isinstance(value, bytes):
        value = value[: 4 * longest].decode("utf-8", "replace")
    if not isinstance(value, str):
        return ""
    text = str(printable(value[: 4 * longest])).replace("\0", " ")
    text = on_one_line(" ".join(text.split()))
    return text if len(text) <= longest else text[: longest - 1] + "…"
