"""transformers' image processors, and timm's: their configuration → how pictures are prepared."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from deepfake.model_input import Input, Resample

# PIL.Image.Resampling, which the files name by number, and timm by name.
RESAMPLING: tuple[Resample, ...] = (
    "nearest", "lanczos", "bilinear", "bicubic", "box", "hamming",
)  # fmt: skip
HALF = [0.5, 0.5, 0.5]
IMAGENET_MEAN, IMAGENET_STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
CLIP_MEAN, CLIP_STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
_HALF = {"image_mean": HALF, "image_std": HALF}
_IMAGENET = {"image_mean": IMAGENET_MEAN, "image_std": IMAGENET_STD}
_CLIP = {"image_mean": CLIP_MEAN, "image_std": CLIP_STD, "resample": 3}
_SHORTEST = {"default_to_square": False, "do_center_crop": True, "crop_size": 224}
# What their classes take where a file leaves it out (transformers 5.24). A number alone as the size
# is that of the shorter edge where `default_to_square` is false.
DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "Beit": {**_HALF, "size": 224, "crop_size": 224, "resample": 3},
    "Bit": {**_CLIP, **_SHORTEST, "size": 224},
    "ChineseCLIP": {**_CLIP, **_SHORTEST, "size": 224},
    "CLIP": {**_CLIP, **_SHORTEST, "size": 224},
    "ConvNext": {
        **_HALF, "size": 384, "default_to_square": False, "crop_pct": 224 / 256, "resample": 3,
    },
    "DeiT": {**_HALF, "size": 256, "do_center_crop": True, "crop_size": 224, "resample": 3},
    "DPT": {**_HALF, "size": 384, "resample": 3},
    "EfficientNet": {
        **_HALF, "size": 346, "crop_size": 289, "include_top": True, "resample": 3,
    },
    "Levit": {**_IMAGENET, **_SHORTEST, "size": 224, "resample": 3},
    "MobileNetV1": {**_HALF, **_SHORTEST, "size": 256},
    "MobileNetV2": {**_HALF, **_SHORTEST, "size": 256},
    "MobileViT": {
        **_SHORTEST, "size": 224, "crop_size": 256, "resample": 3, "do_normalize": False,
        "do_flip_channel_order": True,
    },
    "Perceiver": {
        **_IMAGENET, "size": 224, "do_center_crop": True, "crop_size": 256, "resample": 3,
    },
    "PoolFormer": {**_IMAGENET, **_SHORTEST, "size": 224, "crop_pct": 0.9, "resample": 3},
    "Pvt": {**_IMAGENET, "size": 224, "resample": 3},
    "Segformer": {**_IMAGENET, "size": 512},
    "Siglip": {
        **_HALF, "size": {"height": 224, "width": 224}, "default_to_square": False, "resample": 3,
    },
    "ViT": {**_HALF, "size": 224},
}  # fmt: skip
# Steps that are not done here, by the key that asks for them.
REFUSED = (
    "do_pad", "do_thumbnail", "do_align_long_axis", "do_color_quantize", "clusters",
    "keep_aspect_ratio", "do_image_splitting", "do_grayscale", "max_patches", "max_num_patches",
    "size_divisor", "do_resize_and_center_crop", "do_crop_margin",
)  # fmt: skip
# ConvNext squashes from this size on.
CONVNEXT_SQUASHES = 384
CUT = (
    "Its processor leaves pictures that are not square as they are, which the network cannot take: "
    "their middle is cut out."
)
Triple = tuple[float, float, float]


def of_transformers(given: Mapping[str, Any]) -> tuple[Input, str]:
    """Read a processor's configuration.

    Args:
        given: dict. `preprocessor_config.json`.

    Returns:
        How pictures are prepared, of whole pictures; and what is done otherwise than there, for
        people, "" for nothing.

    Raises:
        ValueError, TypeError, KeyError: it asks for something that is not done here.
    """
    name = str(given.get("image_processor_type") or given.get("feature_extractor_type") or "")
    kind = re.sub(r"(ImageProcessor|FeatureExtractor)(Fast|Pil)*$", "", name)
    said = {**DEFAULTS.get(kind, {}), **{k: v for k, v in given.items() if v is not None}}
    for key in REFUSED:
        if said.get(key):
            raise ValueError(f"{name or 'it'} asks for {key}")
    if int(said.get("ensure_multiple_of", 1)) != 1:
        raise ValueError("it asks for ensure_multiple_of")
    if name.startswith(("Siglip2", "ImageGPT", "Pix2Struct")):
        raise ValueError(f"{name} makes something else than pictures of one size")
    size, placing, remark = _placing(kind, said)
    mean, std = _scaling(kind, said)
    flipped = bool(said.get("do_flip_channel_order"))
    if flipped:
        # The mean, if there is one, is taken off before.
        mean, std = mean[::-1], std[::-1]
    resample = said.get("resample", 2)
    if not isinstance(resample, int) or not 0 <= resample < len(RESAMPLING):
        raise ValueError(f"a resample of {resample!r}")
    prepared = Input(
        size=size, crop="full", mean=mean, std=std, resample=RESAMPLING[resample],
        channels="bgr" if flipped else "rgb", **placing,
    )  # fmt: skip
    return prepared, remark


def of_timm(given: Mapping[str, Any]) -> tuple[Input, str]:
    """Read the `pretrained_cfg` of a `config.json` of timm; as `of_transformers`."""
    channels, *sides = given["input_size"]
    size = _square(sides)
    if channels != 3:
        raise ValueError(f"{channels} channels")
    mode, share = given.get("crop_mode") or "center", float(given.get("crop_pct") or 0.875)
    if mode not in ("center", "squash"):
        raise ValueError(f"a crop_mode of {mode!r}")
    name = str(given.get("interpolation") or "bicubic")
    if name not in RESAMPLING:
        raise ValueError(f"an interpolation of {name!r}")
    resample = next(known for known in RESAMPLING if known == name)
    mean, std = _scaling("", {
        "image_mean": list(given.get("mean") or IMAGENET_MEAN),
        "image_std": list(given.get("std") or IMAGENET_STD),
    })  # fmt: skip
    prepared = Input(
        size=size, crop="full", mean=mean, std=std, resample=resample,
        resize="squash" if mode == "squash" else "crop",
        resize_to=math.floor(size / share),
    )  # fmt: skip
    return prepared, ""


def _placing(kind: str, said: Mapping[str, Any]) -> tuple[int, dict[str, Any], str]:
    """(side of the input, the manifest's `resize` and `resize_to`, what is done otherwise)."""
    cropped = bool(said.get("do_center_crop", "crop_size" in said and kind not in DEFAULTS))
    crop = _square(said["crop_size"]) if cropped else 0
    if not said.get("do_resize", True):
        if not cropped:
            raise ValueError("do_resize is false, so pictures have any size")
        return crop, {"resize": "none"}, ""
    side, shortest = _side(said["size"], said.get("default_to_square", True))
    if kind == "Perceiver" and cropped:
        raise ValueError("Perceiver cuts the middle out before it resizes")
    if kind == "ConvNext":
        if not shortest:
            raise ValueError("a ConvNext whose size has no shortest_edge")
        if side >= CONVNEXT_SQUASHES:
            return _cropped(side, crop, {"resize": "squash"})
        return _cropped(side, crop, {"resize_to": int(side / float(said["crop_pct"]))})
    if kind == "Levit" and shortest:
        side = int((256 / 224) * side)
    if kind == "PoolFormer" and said.get("crop_pct") is not None:
        # By the shorter edge, whatever the size is called.
        side, shortest = int(side / float(said["crop_pct"])), True
    if not shortest:
        return _cropped(side, crop, {"resize": "squash"})
    if cropped:
        return crop, {"resize_to": side}, ""
    return side, {"resize_to": side}, CUT


def _cropped(side: int, crop: int, placing: dict[str, Any]) -> tuple[int, dict[str, Any], str]:
    """With a crop after it, if one is asked for."""
    if not crop or crop == side:
        return side, placing, ""
    if placing.get("resize") != "squash":
        raise ValueError("a crop after the crop")
    return crop, {**placing, "resize_to": side}, ""


def _side(size: Any, square: bool) -> tuple[int, bool]:
    """(side in pixels, whether it is that of the shorter edge)."""
    if isinstance(size, Mapping):
        if "shortest_edge" not in size:
            return _square(size), False
        if size.get("longest_edge"):
            raise ValueError("a size with a longest_edge")
        return _whole(size["shortest_edge"]), True
    return _square(size), not square and not isinstance(size, list | tuple)


def _square(size: Any) -> int:
    if isinstance(size, Mapping):
        sides = [size["height"], size["width"]]
    else:
        sides = list(size) if isinstance(size, list | tuple) else [size]
    if len(set(sides)) != 1:
        raise ValueError(f"its input is {' × '.join(map(str, sides))}, not square")
    return _whole(sides[0])


def _whole(side: Any) -> int:
    if int(side) != side or not 16 <= side <= 2048:
        raise ValueError(f"a side of {side} pixels")
    return int(side)


def _scaling(kind: str, said: Mapping[str, Any]) -> tuple[Triple, Triple]:
    """(value · factor − offset − mean) / std, written as (value − mean') / std'."""
    factor = float(said.get("rescale_factor", 1 / 255)) if said.get("do_rescale", True) else 1.0
    mean, std = (0.0,) * 3, (1.0,) * 3
    # MobileViT's has no such step, whatever its file says.
    if said.get("do_normalize", True) and kind != "MobileViT":
        mean, std = _triple(said["image_mean"]), _triple(said["image_std"])
    offset = 0.0
    if kind == "EfficientNet":
        # Takes 1 off after scaling, if told so, and divides by the deviation once more.
        rescaled = said.get("do_rescale", True) and said.get("rescale_offset", False)
        offset = 1.0 if rescaled else 0.0
        if said.get("include_top", True):
            again = _triple(said["image_std"])
            std = std[0] * again[0], std[1] * again[1], std[2] * again[2]
    means = [(value + offset) / factor for value in mean]
    stds = [value / factor for value in std]
    if not all(map(math.isfinite, (*means, *stds))) or 0.0 in stds:
        raise ValueError(f"mean {means}, standard deviation {stds}")
    return _triple(means), _triple(stds)


def _triple(values: Any) -> Triple:
    numbers = [float(value) for value in (values if isinstance(values, list) else [values] * 3)]
    if len(numbers) != 3:
        raise ValueError(f"{len(numbers)} channels instead of 3")
    return numbers[0], numbers[1], numbers[2]
