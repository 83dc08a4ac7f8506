"""A decoded picture, whatever it came from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from PIL import Image

from deepfake.colour import to_srgb
from deepfake.errors import ImageError
from deepfake.imaging.bmp import shown_opaque
from deepfake.imaging.jpeg_quality import quality_of
from deepfake.imaging.limits import check_dimensions, unreadable
from deepfake.imaging.tiff import read_otherwise
from deepfake.imaging.upright import turn_upright
from deepfake.settings import Settings


@dataclass(frozen=True)
class Picture:
    """A decoded image.

    Attributes:
        pixels: uint8 array (height, width, 3). RGB in sRGB, upright.
        format: str. "JPEG", "PNG", "WEBP", "AVIF", "HEIF", "BMP", "TIFF" or "GIF".
        byte_count: int. Size of the file in bytes.
        sha256: str. Hash of the file, in hexadecimal.
        notes: tuple of str. Sentences on what was left out or repaired in reading.
        jpeg_quality: int. About what quality it was saved with, by the file's head; None where it
            is no JPEG or not known.
    """

    pixels: np.ndarray
    format: str
    byte_count: int
    sha256: str
    notes: tuple[str, ...] = ()
    jpeg_quality: int | None = None

    def __post_init__(self) -> None:
        shape = self.pixels.shape
        if self.pixels.dtype != np.uint8 or len(shape) != 3 or shape[2] != 3 or 0 in shape:
            raise ImageError(
                "A picture must be a uint8 array of shape (height, width, 3). "
                f"Received: {self.pixels.dtype} {shape}."
            )

    @property
    def width(self) -> int:
        """Width in pixels."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """Height in pixels."""
        return int(self.pixels.shape[0])

    @cached_property
    def image(self) -> Image.Image:
        """The same for Pillow: a copy, which for 12 megapixels takes 25 ms to make, once."""
        return Image.fromarray(self.pixels)

    @classmethod
    def from_array(cls, pixels: np.ndarray) -> Picture:
        """Wrap pixels that did not come from a file.

        Args:
            pixels: uint8 array (height, width, 3). RGB in sRGB, upright.

        Raises:
            ImageError: another shape or dtype.
        """
        data = np.ascontiguousarray(pixels)
        digest = hashlib.sha256(data.tobytes()).hexdigest()
        return cls(data, "array", data.nbytes, digest)

    @classmethod
    def from_image(cls, image: Image.Image, settings: Settings | None = None) -> Picture:
        """Take over what Pillow has opened, as `read` would: upright, sRGB, alpha on white.

        A picture that was changed after opening is not turned: nobody knows whether it was before.
        Pillow does not tell which PNG and AVIF files are HDR: give `read` their path.

        Args:
            image: Image. In any mode. It stays as it is.
            settings: Settings. With the limit on pixels. Defaults to the environment's.

        Raises:
            ImageError: it has no pixels or too many, its file is damaged, or it is one that
                Pillow reads wrongly.
        """
        try:
            check_dimensions(*image.size, settings or Settings.from_environment())
            tags = getattr(image, "tag_v2", None)
            if tags is not None and read_otherwise(tags):
                raise ImageError(
                    "Pillow does not read this kind of TIFF rightly. Give the file's path instead "
                    "of the opened picture."
                )
            # Pillow forgets the format of what is made from a file, but not its orientation.
            upright, notes = turn_upright(shown_opaque(image)) if image.format else (image, [])
            colour, note = to_srgb(upright)
            taken = cls.from_array(np.asarray(colour))
        except ImageError:
            raise
        except Exception as error:
            raise unreadable(image.format or "Pillow", error) from error
        return replace(taken, notes=(*notes, *note), jpeg_quality=quality_of(image))
