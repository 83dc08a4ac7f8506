"""How a model without a manifest is given pictures: what can be said of it, and the usual."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from deepfake.errors import SettingError, UnansweredError

if TYPE_CHECKING:
    from deepfake.manifest import Input
    from deepfake.modelstore.backends.protocol import Network

# (mean, std) in values of 0..255, by what the network was trained with. "imagenet" are the
# statistics of ImageNet in torchvision and timm, "caffe" the means of Caffe's networks, which
# `keras.applications` of ResNet and VGG take over: of BGR, in that order.
SCALES: Mapping[str, tuple[tuple[float, float, float], tuple[float, float, float]]] = {
    "0..1": ((0.0,) * 3, (255.0,) * 3),
    "-1..1": ((127.5,) * 3, (127.5,) * 3),
    "0..255": ((0.0,) * 3, (1.0,) * 3),
    "imagenet": ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
    "caffe": ((103.939, 116.779, 123.68), (1.0,) * 3),
}
USUAL_SCALE, SCALE_OF_A_RESCALING_NETWORK, CAFFE = "0..1", "0..255", "caffe"
FACE_CROP = 1.3
RESIZES, CHANNELS = ("crop", "squash", "none"), ("rgb", "bgr", "grey")
RESAMPLES = ("nearest", "box", "bilinear", "linear", "hamming", "bicubic", "lanczos")
LARGEST = 4096
# How popular ways to train a network prepare pictures, as answers. Keras's `load_img` and
# `ImageDataGenerator` take the nearest pixel where they are not told otherwise; the script that
# Teachable Machine exports calls Pillow's `ImageOps.fit`; transformers' ViTImageProcessor squashes.
RECIPES: Mapping[str, Mapping[str, str]] = {
    "keras-224": {"scale": "0..1", "crop": "full", "resize": "squash", "resample": "nearest"},
    "teachable-machine": {
        "scale": "-1..1", "crop": "full", "resize": "crop", "resample": "lanczos",
    },
    "opencv": {
        "scale": "0..1", "crop": "full", "resize": "squash", "resample": "linear",
        "channels": "bgr",
    },
    "caffe": {
        "scale": "caffe", "crop": "full", "resize": "squash", "resample": "nearest",
        "channels": "bgr",
    },
    "vit": {"scale": "-1..1", "crop": "full", "resize": "squash", "resample": "bilinear"},
}  # fmt: skip
# Side of their input, where the file leaves it open.
RECIPE_SIZE = 224


def prepare(
    network: Network,
    given: Input | None,
    *,
    scale: str = "",
    crop: str = "",
    resize: str = "",
    resample: str = "",
    channels: str = "",
) -> Input:
    """How pictures are prepared: as was said; else as the repository says; else as usual.

    Args:
        network: Network. What its file says of itself.
        given: Input. What its repository says; None without.
        scale: str. A name of `SCALES`; "" where nothing was said, as of the others.
        crop: str. As for `crop_of`.
        resize: str. As for `resize_of`; without `crop` it is of whole pictures.
        resample: str. One of `RESAMPLES`.
        channels: str. One of `CHANNELS`.

    Raises:
        SettingError: what was said does not go together.
        UnansweredError: the repository speaks of pictures of another size than the network takes.
    """
    from deepfake.manifest import Input

    usual = SCALE_OF_A_RESCALING_NETWORK if network.rescaling else USUAL_SCALE
    mean, std = SCALES[scale or usual]
    base: dict[str, Any] = {"crop": FACE_CROP, "mean": mean, "std": std, "resample": "bilinear"}
    if given is not None:
        if given.size != network.size and not resize:
            raise UnansweredError(
                f"The repository prepares pictures of {given.size} × {given.size} pixels, but the "
                f"network takes {network.size} × {network.size}. Say with --resize how they come "
                "to its size, such as --resize squash."
            )
        base = given.model_dump() | ({"mean": mean, "std": std} if scale else {})
    if resize:
        base["resize"], base["resize_to"] = resize_of(resize)
        base["crop"] = "full" if given is None else base["crop"]
    if crop:
        base["crop"] = crop_of(crop)
    if resample:
        base["resample"] = resample
    order = channels or ("bgr" if scale == CAFFE else base.get("channels", "rgb"))
    if network.channels == 1:
        order = "grey"
    elif order == "grey":
        order = "grey3"
    try:
        return Input.model_validate({**base, "size": network.size, "channels": order})
    except ValueError as error:
        raise SettingError(
            f"--resize {resize or base.get('resize')} cannot be used for faces (--crop {crop}) and "
            f"an input of {network.size} × {network.size} pixels: a face is always scaled, to the "
            "size of the input or more. Choose another --resize, or --crop full."
        ) from error


def crop_of(crop: str) -> float | Literal["full"]:
    """The manifest's `crop` for "face", "full" or a number.

    Raises:
        SettingError: it is none of them.
    """
    if crop == "full":
        return "full"
    try:
        factor = FACE_CROP if crop == "face" else float(crop)
    except ValueError:
        factor = 0.0
    if not 0.5 <= factor <= 4.0:
        raise SettingError(f"--crop is face, full or a number in 0.5..4. Received: {crop!r}.")
    return factor


def resize_of(resize: str) -> tuple[str, int | None]:
    """The manifest's `resize` and `resize_to` for "crop", "squash:256" and the like.

    Raises:
        SettingError: it is nothing of the kind.
    """
    kind, colon, side = resize.partition(":")
    pixels = int(side) if side.isdecimal() and len(side) <= len(str(LARGEST)) else 0
    if kind not in RESIZES or (colon and (kind == "none" or not 16 <= pixels <= LARGEST)):
        raise SettingError(
            "--resize is crop, squash or none; crop:256 and squash:256 scale to 256 pixels before "
            f"the middle is cut out. Received: {resize!r}."
        )
    return kind, pixels or None
