"""How a picture or a face becomes a network's input: the manifest's `input`, which is data."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from deepfake.figures import Part

Resample = Literal["nearest", "box", "bilinear", "linear", "hamming", "bicubic", "lanczos"]
LATER = ("resize", "resize_to", "channels")


class Input(Part):
    """What the network looks at: how a picture or a face becomes its input.

    Attributes:
        size: Side of the square input in pixels.
        crop: Side of the crop as a multiple of the longer side of the face box; "full" for the
            whole picture.
        mean: Per channel, in the order of `channels`, subtracted from values in 0..255.
        std: Per channel, divided by afterwards.
        resample: Filter by which the size is changed, as Pillow calls it; "linear" for bilinear
            interpolation between four pixels without smoothing first, as OpenCV and TensorFlow do.
        align: "eyes" for crops that are turned until the face is upright; "none" for those that
            stand as the picture does.
        exposure: "level" for crops of dark and pale pictures that are brought to a common level
            (`preprocessing.level`); "none" for those that are left as they are.
        resize: How a picture that is not square comes to a square: "crop" for its middle, "squash"
            for all of it, out of proportion; "none" for the middle `size` pixels as they are, on
            black where there are fewer.
        resize_to: Side in pixels that the picture is scaled to, the shorter one for "crop", before
            its middle of `size` pixels is cut out; null for straight to `size`.
        channels: Order of the channels: "rgb", "bgr" (OpenCV, Caffe), "grey" for a network that
            takes one channel, "grey3" for one that takes three equal ones. Grey is
            0.299 R + 0.587 G + 0.114 B (ITU-R BT.601).
    """

    size: int = Field(ge=16, le=2048)
    crop: float | Literal["full"]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    resample: Resample = "bicubic"
    align: Literal["none", "eyes"] = "none"
    exposure: Literal["none", "level"] = "none"
    resize: Literal["crop", "squash", "none"] = "crop"
    resize_to: int | None = Field(default=None, ge=16, le=4096)
    channels: Literal["rgb", "bgr", "grey", "grey3"] = "rgb"

    @model_validator(mode="after")
    def _usable(self) -> Input:
        if isinstance(self.crop, float) and not 0.5 <= self.crop <= 4.0:
            raise ValueError("'crop' must be between 0.5 and 4")
        if 0.0 in self.std:
            raise ValueError("'std' must not be 0")
        if self.resize == "none" and self.resize_to:
            raise ValueError("'resize_to' has no meaning where 'resize' is \"none\"")
        if self.crop != "full" and (
            self.resize == "none" or (self.resize_to is not None and self.resize_to < self.size)
        ):
            raise ValueError(
                "'resize' \"none\" and a 'resize_to' below 'size' are for whole pictures only: "
                "'crop' \"full\""
            )
        return self

    @model_serializer(mode="wrap")
    def _as_before(self, usual: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # Manifests that say nothing new can be read by versions that do not know it.
        written: dict[str, Any] = usual(self)
        return {
            name: value
            for name, value in written.items()
            if name not in LATER or value != type(self).model_fields[name].default
        }

    @property
    def planes(self) -> int:
        """How many channels the network takes."""
        return 1 if self.channels == "grey" else 3
