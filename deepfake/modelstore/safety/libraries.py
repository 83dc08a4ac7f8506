"""Model files of other libraries: what they are, told without running them, and what helps.

A pickle names the classes that it would call. Their first part is the library; the instructions
are read, nothing is called.
"""

from __future__ import annotations

import bz2
import io
import lzma
import pickletools
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

MAX_BYTES = 4_000_000
MAX_INSTRUCTIONS = 200_000
PYTORCH_EXPORT = (
    "torch.onnx.export(model.eval(), torch.zeros(1, 3, 224, 224), 'model.onnx') with the size that "
    "it was trained with, and name the .onnx file"
)
OF_FEATURES = (
    "It judges a list of numbers, and the program that makes these of a photo is not in the file, "
    "so it cannot be used here. Use a network that takes the photo itself, such as one of "
    "`deepfake train`."
)
KERAS_SAVE = "model.save('model.keras'), in Keras 2 model.save('model.h5'), and name that file"


@dataclass(frozen=True)
class Library:
    """What a file is, and what helps.

    Attributes:
        what: str. "a scikit-learn model".
        advice: str. One or two sentences.
    """

    what: str
    advice: str


PYTORCH = Library(
    "a PyTorch file",
    "It holds code or bare weights and is not opened. Where PyTorch and the model's own code are, "
    f"load it there and run {PYTORCH_EXPORT}.",
)
PYTORCH_WEIGHTS = Library(
    "a file of PyTorch weights, without their network",
    "Where the model's own code is, make the network, run model.load_state_dict(torch.load(file, "
    f"weights_only=True)) and {PYTORCH_EXPORT}.",
)
TORCHSCRIPT = Library(
    "a TorchScript program",
    "It is code and is not opened. Where PyTorch is, run model = torch.jit.load(file) and "
    f"{PYTORCH_EXPORT}.",
)
SAFETENSORS = Library(
    "a safetensors file: weights without a network",
    "If it lies in a repository of transformers, run optimum-cli export onnx --model REPOSITORY "
    "FOLDER (of the package optimum), and name FOLDER/model.onnx. Else make the network where its "
    f"code is, load the weights and run {PYTORCH_EXPORT}.",
)
TREES = "It is a model of decision trees. " + OF_FEATURES
# By the first part of a class's name.
LIBRARIES = {
    "sklearn": Library("a scikit-learn model", OF_FEATURES),
    "imblearn": Library("a scikit-learn model (imbalanced-learn)", OF_FEATURES),
    "xgboost": Library("an XGBoost model", TREES),
    "lightgbm": Library("a LightGBM model", TREES),
    "catboost": Library("a CatBoost model", TREES),
    "ultralytics": Library(
        "a YOLO file of Ultralytics, which is a PyTorch pickle with code",
        "Where it was made, run yolo export model=FILE format=onnx, and name the .onnx file.",
    ),
    "fastai": Library(
        "a Learner of fastai, which is a PyTorch pickle with code",
        f"Where it was made, run model = load_learner(file).model and {PYTORCH_EXPORT}.",
    ),
    "timm": PYTORCH,
    "torchvision": PYTORCH,
    "transformers": PYTORCH,
    "pytorch_lightning": PYTORCH,
    "lightning": PYTORCH,
    "torch": PYTORCH,
    "tensorflow": Library("a pickle of TensorFlow objects", f"Run {KERAS_SAVE}."),
    "onnx": Library(
        "a pickled ONNX model", "Run onnx.save(model, 'model.onnx'), and name that file."
    ),
    "pandas": Library("a pickled table of pandas, not a model", "Name the model's own file."),
    "numpy": Library(
        "a pickle of NumPy arrays, not a model",
        f"If they are the weights of a network, load them into it and run {KERAS_SAVE}.",
    ),
}
# What a pickled state_dict asks for.
OF_WEIGHTS = frozenset(("torch", "torch._utils", "torch.storage", "collections"))
# What tells libraries apart that do not pickle, by how the file begins.
BEGINNINGS = (
    (b"CBM1", LIBRARIES["catboost"]),
    (b"binf", LIBRARIES["xgboost"]),
    (b"tree\nversion=", LIBRARIES["lightgbm"]),
    (b"{L\x00\x00\x00\x00\x00\x00\x00\x07learner", LIBRARIES["xgboost"]),
)


def of_beginning(head: bytes) -> Library | None:
    """The library of a file that is no pickle.

    Args:
        head: bytes. How it begins.
    """
    if head[:1] == b"{" and re.search(rb'[{,]\s*"learner"\s*:\s*\{', head):
        return LIBRARIES["xgboost"]
    for start, library in BEGINNINGS:
        if head.startswith(start):
            return library
    return None


def of_pickle(content: bytes) -> Library | None:
    """The library of a pickle; None where none of the known ones is named in it.

    Args:
        content: bytes. The pickle, or its first part; packed ones are unpacked, within limits.
    """
    named = set(modules(_unpacked(content)))
    if "torch._utils" in named and named <= OF_WEIGHTS:
        return PYTORCH_WEIGHTS
    found = {name.split(".")[0] for name in named}
    return next((library for name, library in LIBRARIES.items() if name in found), None)


def modules(content: bytes) -> Iterator[str]:
    """Modules that a pickle asks for, up to where it can be read."""
    texts: list[str] = []
    try:
        for index, (code, argument, _) in enumerate(pickletools.genops(io.BytesIO(content))):
            if index >= MAX_INSTRUCTIONS:
                return
            if code.name in ("GLOBAL", "INST"):
                yield str(argument).split(" ")[0]
            elif code.name == "STACK_GLOBAL" and len(texts) > 1:
                yield texts[-2]
            elif isinstance(argument, str):
                texts = [*texts[-1:], argument]
    # Arrays lie between the instructions of joblib's pickles; damaged ones end in anything.
    except Exception:
        return


def _unpacked(content: bytes) -> bytes:
    """What `joblib.dump(…, compress=…)` packed: at most MAX_BYTES of it."""
    try:
        if content[:1] == b"\x78" or content[:2] == b"\x1f\x8b":
            return zlib.decompressobj(47).decompress(content, MAX_BYTES)
        if content[:3] == b"BZh":
            return bz2.BZ2Decompressor().decompress(content, MAX_BYTES)
        if content[:6] == b"\xfd7zXZ\x00":
            return lzma.LZMADecompressor(memlimit=100_000_000).decompress(content, MAX_BYTES)
    except (OSError, EOFError, zlib.error, lzma.LZMAError):
        return b""
    return content
