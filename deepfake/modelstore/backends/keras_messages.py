"""What Keras says when a file cannot be loaded → a sentence with a next step."""

from __future__ import annotations

import re
from pathlib import Path

from deepfake.errors import ModelError
from deepfake.formatting import quoted

MAX_QUOTED, MAX_OPTIONS = 200, 120
# Keras quotes the whole description of a network, of each network within it and of the layer, and
# says at the end what the trouble was.
CAUSE = "Exception encountered: "
LAYER = re.compile(r"deserializing class '(\w{1,60})' using config=\{'name': '([^'\n]{1,60})'")
SAVE_AGAIN = "Where the model was made, save it again with model.save('model.keras')"
RE_BUILD = (
    "Where the model was made, build it again with ordinary layers (layers.Rescaling(1/255) for "
    "x / 255), copy the weights with new.set_weights(old.get_weights()) and save the new model"
)
# Pattern in Keras's message → what is wrong and what to do. The first that is found is taken.
SENTENCES: tuple[tuple[str, str], ...] = (
    (
        r"of a [`']?Lambda|Lambda[`']? layer|[Pp]ython lambda",
        f"it has a Lambda layer, which is program code and is never run here. {RE_BUILD}.",
    ),
    (
        r"TFOpLambda|SlicingOpLambda|TensorFlowOpLayer",
        f"it computes with tensors outside of layers, which Keras 3 cannot read. {RE_BUILD}.",
    ),
    (
        r"keyword arguments passed to (?P<what>\w+): (?P<rest>[^\n]*)",
        "its layer {what} has options that Keras 3 does not have ({rest}), so it is of another "
        f"version of Keras. {SAVE_AGAIN}; for Keras 2: model.save('model.h5').",
    ),
    (
        r"BatchNormalization.{0,200}'axis': \[",
        "its BatchNormalization layers are written as in Keras 2. Save it there as an .h5 file: "
        "model.save('model.h5'). That is translated.",
    ),
    (
        r"expects \d+ input\(s\), but it received",
        "its nested networks are written as in Keras 2. Save it there as an .h5 file: "
        "model.save('model.h5'). That is translated.",
    ),
    (
        r"Could not locate class '(?P<what>[^']+)'|[Uu]nknown layer:? '?(?P<layer>[\w>]+)",
        "it needs {what}{layer}, which Keras does not have or does not find: it is a layer of the "
        "author's own code, or of another version of Keras. Export the model as ONNX or LiteRT "
        "(.tflite) where it was made.",
    ),
    (
        r"Could not deserialize '(?P<what>keras\.(metrics|losses)[^']*)'",
        "it was saved with its training state, and {what} cannot be read. "
        f"{SAVE_AGAIN}, include_optimizer=False if it is an .h5 file.",
    ),
    (
        r"File format not supported",
        "it is no .keras or .h5 file. Name the folder of a SavedModel (the one that holds "
        f"saved_model.pb), or save it again: {SAVE_AGAIN}.",
    ),
    (
        r"file signature not found|truncated file|[Uu]nable to (synchronously )?open",
        "it is damaged or cut short. Download it again.",
    ),
    (
        r"[Ll]ayer count mismatch|expected .{0,40}variables|shape mismatch|"
        r"weight file containing|Shapes? .{0,60}incompatible|was not loaded|"
        r"does not match|not compatible|shape of the target variable|"
        r"objects could not be loaded",
        "its weights do not fit its network: the file is damaged, or was put together from two. "
        f"{SAVE_AGAIN}.",
    ),
)


def explain(
    error: BaseException, what: str, path: Path | None = None, newer: str = ""
) -> ModelError:
    """Translate an exception of Keras, TensorFlow or h5py.

    Args:
        error: BaseException. What was raised while a file was loaded.
        what: str. The file, as the message's first words.
        path: Path. The file; None where the message does not quote its path.
        newer: str. The version of Keras that it was saved with, if that is a newer one than ours.

    Returns:
        A sentence that says what is wrong and what to do; it quotes the first line of messages
        that are not known.
    """
    where = path or ""
    if isinstance(error, MemoryError):
        return ModelError(
            f"{what} needs more memory than this machine has. Use a smaller model.", path=where
        )
    if newer:
        return ModelError(
            f"{what} was saved with Keras {newer}, which is newer than the one that is installed "
            "here, and cannot be loaded. Run: pip install --upgrade keras.",
            path=where,
        )
    text = str(error)
    if path is not None:
        # Before it is cut: half a path could not be left out for visitors.
        text = text.replace(str(path), path.name)
    described, _, cause = text.rpartition(CAUSE)
    # Only what says nothing itself is looked for in the description, which may have any words.
    for said in (cause, described):
        for pattern, sentence in SENTENCES:
            found = re.search(pattern, said, re.DOTALL)
            if found:
                words = {name: value or "" for name, value in found.groupdict().items()}
                return ModelError(f"{what} cannot be loaded: {_fill(sentence, words)}", path=where)
    first = quoted(cause.strip().split("\n")[0], MAX_QUOTED) or f"{type(error).__name__}."
    layers = LAYER.findall(described)
    if layers:
        kind, name = layers[-1]
        return ModelError(
            f"{what} cannot be loaded: Keras cannot build its layer {name!r} ({kind}). It says: "
            f"{first} The file is damaged, or of another version of Keras. {SAVE_AGAIN} in Keras "
            "3, or export it as ONNX or LiteRT (.tflite).",
            path=where,
        )
    return ModelError(
        f"{what} cannot be loaded. Keras says: {first} {SAVE_AGAIN} in Keras 3, or "
        "export it as ONNX or LiteRT (.tflite).",
        path=where,
    )


def _fill(sentence: str, words: dict[str, str]) -> str:
    for name, value in words.items():
        short = quoted(value, MAX_OPTIONS).removesuffix(".")
        sentence = sentence.replace("{" + name + "}", short)
    return sentence
