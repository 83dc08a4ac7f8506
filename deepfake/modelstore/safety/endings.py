"""How a sandboxed child ended → a sentence. What it says of itself is not trusted."""

from __future__ import annotations

import json
import signal

from deepfake.errors import ModelError
from deepfake.formatting import shortened
from deepfake.modelstore.safety import confinement

MAX_SENTENCE = 600
MAX_PATH = 4096
# In the words of Python, C++, the kernel, TensorFlow and ONNX Runtime.
OUT_OF_MEMORY = (
    "MemoryError", "bad_alloc", "bad allocation", "Cannot allocate memory", "out of memory",
    "OOM when allocating", "Failed to allocate memory", "tensor would require more than",
)  # fmt: skip


def ended(code: int, complaint: str, memory: int) -> ModelError:
    """Why a child ended before its work was done.

    Args:
        code: int. What it returned, or minus the number of the signal that ended it.
        complaint: str. What it printed to stderr.
        memory: int. Bytes that it was allowed.
    """
    if code == confinement.SENTENCE:
        return told(complaint)
    if code == confinement.UNCONFINED:
        return ModelError(
            "The check of the model could not be fenced in on this system, so the file was not "
            f"opened ({_sentence(complaint)}). Convert it on another machine."
        )
    if code == confinement.OUT_OF_MEMORY or is_out_of_memory(complaint):
        return ModelError(
            f"The model needs more memory than it may use here, at most {memory:,} bytes, so it "
            "was stopped. The file may be made to do that; if you trust its source, use a smaller "
            "model."
        )
    if code < 0:
        return ModelError(
            "The model crashed the program that reads it "
            f"({_signal_name(-code)}), so it was not opened. It is damaged or made to "
            "do harm. Get the file again."
        )
    _, sentence, path = _said(complaint)
    return ModelError(
        f"The model cannot be read: {sentence or 'no reason was given'}. "
        "Get the file again, or save it again.",
        path=path,
    )


def told(complaint: str) -> ModelError:
    """The ModelError that a child raised.

    Args:
        complaint: str. JSON with the keys "kind", "sentence" and "path" on its last line; whatever
            else stands there is shown as a sentence.
    """
    kind, sentence, path = _said(complaint)
    sentence = sentence or "The model could not be read. Get the file again."
    return _kinds(ModelError).get(kind, ModelError)(sentence, path=path)


def is_out_of_memory(complaint: str) -> bool:
    """Whether a library's complaint is of memory that it did not get."""
    return any(sign in complaint for sign in OUT_OF_MEMORY)


def _said(complaint: str) -> tuple[str, str, str]:
    """(class, sentence, path) of the error that left the child, as text that may be shown.

    Where a hostile file or native code has ended the child, it is what that has printed.
    """
    try:
        said = json.loads(_last_line(complaint))
        kind, sentence, path = (_printable(said[key]) for key in ("kind", "sentence", "path"))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return "", _sentence(complaint), ""
    path = path[:MAX_PATH]
    # A path is never cut, or it could not be left out for visitors.
    return kind, shortened(sentence, MAX_SENTENCE + 2 * len(path)), path


def _kinds(base: type[ModelError]) -> dict[str, type[ModelError]]:
    """A class and those made from it, by name."""
    found = {base.__name__: base}
    for kind in base.__subclasses__():
        found |= _kinds(kind)
    return found


def _sentence(complaint: str) -> str:
    """The last line of what the child said, as it may be shown: short, printable."""
    return shortened(_printable(_last_line(complaint)), MAX_SENTENCE)


def _last_line(complaint: str) -> str:
    lines = [line.strip() for line in complaint.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
