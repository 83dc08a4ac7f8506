"""Repositories that follow the Hub's convention for image classification.

`config.json` names the labels (`id2label`) and `preprocessor_config.json` says how pictures are
prepared, in the words of transformers' image processors.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from deepfake.errors import ModelError, UnansweredError
from deepfake.label_words import label_of

CONFIG, PREPROCESSOR = "config.json", "preprocessor_config.json"
# Where newer versions of transformers keep it, under "image_processor".
PROCESSOR = "processor_config.json"
MAX_BYTES = 1_000_000
Resample = Literal["nearest", "bilinear", "bicubic", "lanczos"]
# PIL.Image.Resampling; box and hamming (4, 5) are not ours.
RESAMPLING: Mapping[int, Resample] = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic"}
# Words of popular repositories beside those that folders use.
MORE_WORDS = {
    "realism": 0, "hum": 0, "real art": 0, "photo": 0, "photograph": 0, "live": 0,
    "artificial": 1, "ai image": 1, "ai generated image": 1, "machine": 1,
    "computer generated": 1,
}  # fmt: skip
NEGATIONS = ("not", "non", "no")
CLASSES = ("real", "fake")
UNIT = ((0.0,) * 3, (1.0,) * 3)
# Most of these networks were trained on cut-out faces, some on whole pictures, and the files do not
# say which. Their own pipeline scores the whole picture, and their published figures are of that.
CROP: Literal["full"] = "full"
TRAINING_DATA = (
    "Not known: see the model's card. It looks at the whole picture, as its own pipeline on the "
    "Hub does (here: the central square). If it was trained on cut-out faces, as many are, "
    "`--crop face` suits it better."
)
Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Convention:
    """What a repository says of its model.

    Attributes:
        size: int. Side of the square input in pixels.
        mean: tuple of 3 floats. Per channel of RGB, subtracted from values in 0..255.
        std: tuple of 3 floats. Divided by afterwards.
        resample: str. As in `manifest.Input`.
        labels: tuple of str. "real" and "fake" by output index; None where the names do not say.
        labels_problem: str. Why `labels` is None, and what to do; "" where it is not.
        crop: float or "full". As in `manifest.Input`; a decision of ours.
        architecture: str. Its name in `config.json`; "unknown" without one.
        training_data: str. For the manifest: that it is not known, and what the crop means.
    """

    size: int
    mean: Triple
    std: Triple
    resample: Resample
    labels: tuple[str, str] | None
    labels_problem: str = ""
    crop: float | Literal["full"] = CROP
    architecture: str = "unknown"
    training_data: str = TRAINING_DATA


def read_convention(*folders: Path) -> Convention | None:
    """Read the convention's two files.

    Args:
        folders: Path. Where they may be, in this order: beside the model, the repository's root.

    Returns:
        What they say; None where there is no preprocessor configuration, or no labels.

    Raises:
        ModelError: they are damaged, or ask for something that is not done here.
    """
    config = _first(folders, CONFIG)
    processor = _first(folders, PREPROCESSOR)
    if processor is None:
        nested = (_first(folders, PROCESSOR) or {}).get("image_processor")
        processor = nested if isinstance(nested, dict) else None
    if config is None or processor is None or not isinstance(config.get("id2label"), dict):
        return None
    labels, problem = _labels(config["id2label"])
    try:
        mean, std = _scaling(processor)
        return Convention(
            size=_size(processor),
            mean=mean,
            std=std,
            resample=_resample(processor),
            labels=labels,
            labels_problem=problem,
            architecture=_architecture(config),
        )
    except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise UnansweredError(
            f"{PREPROCESSOR} says in a way that is not known how pictures are prepared ({error}). "
            "Say it with --size, --scale and --crop on the model's file itself."
        ) from error


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


def _labels(names: Mapping[str, Any]) -> tuple[tuple[str, str] | None, str]:
    try:
        ordered = [str(name) for _, name in sorted((int(k), v) for k, v in names.items())]
    except ValueError:
        ordered = [str(name) for name in names.values()]
    shown = ", ".join(repr(name) for name in ordered[:6])
    if len(ordered) != 2:
        more = ", …" if len(ordered) > 6 else ""
        return None, (
            f"The model tells {len(ordered)} classes apart ({shown}{more}), not real from fake. "
            "Only models with two classes can be used."
        )
    found = [_label_of(name) for name in ordered]
    if sorted(found, key=str) != [0, 1]:
        return None, (
            f"{CONFIG} calls its outputs {shown}, which does not say for sure which one means "
            "fake. Look at the model's page on the Hub and pass --labels, such as "
            "--labels real,fake."
        )
    return (CLASSES[found[0] or 0], CLASSES[found[1] or 0]), ""


def _label_of(name: str) -> int | None:
    words = "".join(c if c.isalnum() else " " for c in name).lower().split()
    if any(word in NEGATIONS for word in words):
        return None
    phrase = " ".join(words)
    return label_of(name) if phrase not in MORE_WORDS else MORE_WORDS[phrase]


def _size(processor: Mapping[str, Any]) -> int:
    cropped = processor.get("do_center_crop", "crop_size" in processor)
    spec = processor["crop_size"] if cropped and "crop_size" in processor else processor["size"]
    if isinstance(spec, dict):
        sides = [spec[key] for key in ("height", "width") if key in spec] or [spec["shortest_edge"]]
    else:
        sides = list(spec) if isinstance(spec, (list, tuple)) else [spec]
    if len(set(sides)) != 1:
        raise ValueError(f"its input is {' × '.join(map(str, sides))}, not square")
    if int(sides[0]) != sides[0] or not 16 <= sides[0] <= 2048:
        raise ValueError(f"a side of {sides[0]} pixels")
    return int(sides[0])


def _scaling(processor: Mapping[str, Any]) -> tuple[Triple, Triple]:
    """(value · factor − offset − mean) / std, written as (value − mean') / std'."""
    factor = float(processor.get("rescale_factor", 1 / 255))
    if not processor.get("do_rescale", True):
        factor = 1.0
    mean, std = UNIT
    if processor.get("do_normalize", True):
        mean, std = _triple(processor["image_mean"]), _triple(processor["image_std"])
    efficientnet = str(processor.get("image_processor_type", "")).startswith("EfficientNet")
    # Its processor takes 1 off after scaling, if told so, and divides by the deviation once more.
    offset = 1.0 if efficientnet and processor.get("rescale_offset", False) else 0.0
    power = 2 if efficientnet and processor.get("include_top", True) else 1
    means = [(value + offset) / factor for value in mean]
    stds = [value**power / factor for value in std]
    if not all(map(math.isfinite, (*means, *stds))) or 0.0 in stds:
        raise ValueError(f"mean {means}, standard deviation {stds}")
    return _triple(means), _triple(stds)


def _triple(values: Any) -> Triple:
    numbers = [float(value) for value in (values if isinstance(values, list) else [values] * 3)]
    if len(numbers) != 3:
        raise ValueError(f"{len(numbers)} channels instead of 3")
    return numbers[0], numbers[1], numbers[2]


def _resample(processor: Mapping[str, Any]) -> Resample:
    return RESAMPLING.get(processor.get("resample", 2), "bilinear")


def _architecture(config: Mapping[str, Any]) -> str:
    names = config.get("architectures")
    if isinstance(names, list) and names:
        return str(names[0])
    return str(config.get("model_type") or "unknown")
