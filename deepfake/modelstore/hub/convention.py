"""Repositories that follow the Hub's convention for image classification.

`config.json` names the labels (`id2label`, `label2id`, timm's `label_names`), `labels.txt` does for
models of Teachable Machine, and `preprocessor_config.json` says how pictures are prepared.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from deepfake.errors import ModelError
from deepfake.manifest import MAX_CLASSES, Input
from deepfake.modelstore.classes import by_words
from deepfake.modelstore.formats import SUFFIXES
from deepfake.modelstore.hub import processors

CONFIG, PREPROCESSOR = "config.json", "preprocessor_config.json"
# Where newer versions of transformers keep it, under "image_processor".
PROCESSOR = "processor_config.json"
# Of Teachable Machine, with a number before each name, and of many a LiteRT model.
LABELS_FILE = "labels.txt"
MAX_BYTES = 1_000_000
# Most of these networks were trained on cut-out faces, some on whole pictures, and the files do not
# say which. Their own pipeline scores the whole picture, and their published figures are of that.
SEE_THE_CARD = "Not known: see the model's card."
WHOLE_PICTURES = (
    " It looks at the whole picture, as its own pipeline on the Hub does. If it was trained on "
    "cut-out faces, as many are, `--crop face` suits it better."
)
# Of a network of timm that transformers saved: what is to be done stands there as timm has it.
OF_TIMM = "TimmWrapperImageProcessor"


@dataclass(frozen=True)
class Convention:
    """What a repository says of its model.

    Attributes:
        names: tuple of str. Of the outputs by index; () where it does not say them.
        source: str. The file that they are from.
        input: Input. How pictures are prepared; None where it does not say it. That whole pictures
            are looked at is a decision of ours.
        problem: str. Why `input` is None although a file says it, and what to do; "" otherwise.
        remark: str. What is done otherwise than the repository says; "" for nothing.
        architecture: str. Its name in `config.json`; "unknown" without one.
    """

    names: tuple[str, ...] = ()
    source: str = CONFIG
    input: Input | None = None
    problem: str = ""
    remark: str = ""
    architecture: str = "unknown"

    def training_data(self, crop: float | Literal["full"]) -> str:
        """For the manifest: that it is not known, and what the crop means."""
        return SEE_THE_CARD + (WHOLE_PICTURES if self.input and crop == "full" else "")

    @property
    def size(self) -> int | None:
        """Side of the input in pixels; None where the repository does not say it."""
        return None if self.input is None else self.input.size

    @property
    def labels(self) -> tuple[str, ...] | None:
        """The names, if they say for sure which of them mean fake; two are "real" and "fake"."""
        found = by_words(self.names)
        return None if found is None else found.order


def read_convention(*folders: Path) -> Convention | None:
    """Read the convention's files.

    Args:
        folders: Path. Where they may be, in this order: beside the model, the repository's root.

    Returns:
        What they say; None where they say neither labels nor a preparation.

    Raises:
        ModelError: they are damaged.
    """
    config = _first(folders, CONFIG) or {}
    processor = _first(folders, PREPROCESSOR)
    if processor is None:
        nested = (_first(folders, PROCESSOR) or {}).get("image_processor")
        processor = nested if isinstance(nested, dict) else None
    names, source = _names(config), CONFIG
    if not names:
        names, source = _of_labels_file(folders[0]), LABELS_FILE
    timm = config.get("pretrained_cfg")
    # A processor alone may be of anything, such as of an encoder of pictures.
    if not names:
        return None
    where, problem = PREPROCESSOR, ""
    prepared, remark = None, ""
    try:
        if processor is not None and processor.get("image_processor_type") == OF_TIMM:
            prepared, remark = processors.of_timm(processor.get("pretrained_cfg") or timm or {})
        elif processor is not None:
            prepared, remark = processors.of_transformers(processor)
        elif isinstance(timm, dict):
            where = CONFIG
            prepared, remark = processors.of_timm(timm)
    except (KeyError, TypeError, ValueError, ZeroDivisionError, OverflowError) as error:
        missing = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        problem = (
            f"{where} asks for a preparation of pictures that is not done here ({missing}). Say "
            "another one: --recipe, or --scale and --resize."
        )
    return Convention(names, source, prepared, problem, remark, _architecture(config))


def _first(folders: tuple[Path, ...], name: str) -> dict[str, Any] | None:
    for folder in folders:
        path = folder / name
        if not path.is_file():
            continue
        try:
            if path.stat().st_size > MAX_BYTES:
                raise ValueError("it is too large")
            content = json.loads(path.read_bytes())
        except (OSError, ValueError, RecursionError) as error:
            raise ModelError(
                f"{path} cannot be read: {error}. Get the model again.", path=path
            ) from error
        if isinstance(content, dict):
            return content
    return None


def _names(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Of the outputs by index; () where the configuration does not say them."""
    by_index, by_name = config.get("id2label"), config.get("label2id")
    timm = config.get("pretrained_cfg")
    names = config.get("label_names")
    if names is None and isinstance(timm, dict):
        names = timm.get("label_names")
    if isinstance(by_index, dict):
        try:
            names = [name for _, name in sorted((int(k), v) for k, v in by_index.items())]
        except (ValueError, TypeError):
            names = list(by_index.values())
    elif isinstance(by_name, dict):
        try:
            names = [name for _, name in sorted((int(v), k) for k, v in by_name.items())]
        except (ValueError, TypeError):
            return ()
    return tuple(str(name) for name in names) if isinstance(names, list) else ()


def _of_labels_file(folder: Path) -> tuple[str, ...]:
    """The lines of `labels.txt`, if it can only be of the one model beside it."""
    path = folder / LABELS_FILE
    try:
        if not path.is_file() or path.stat().st_size > MAX_BYTES:
            return ()
        if sum(file.suffix.lower() in SUFFIXES for file in folder.iterdir()) > 1:
            return ()
        lines = [line.strip() for line in path.read_text("utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError):
        return ()
    numbered = [re.fullmatch(r"(\d+)[\s:,]+(\S.*)", line) for line in lines]
    if all(numbered) and [int(n[1]) for n in numbered if n] == list(range(len(lines))):
        lines = [n[2] for n in numbered if n]
    return tuple(lines) if 2 <= len(lines) <= MAX_CLASSES else ()


def _architecture(config: Mapping[str, Any]) -> str:
    names = config.get("architectures")
    if isinstance(names, list) and names:
        return str(names[0])
    # The latter is timm's.
    return str(config.get("model_type") or config.get("architecture") or "unknown")
