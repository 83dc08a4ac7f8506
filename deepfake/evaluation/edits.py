"""What photographers and apps do to a picture: light, contrast and colour, not its content."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from PIL import Image, ImageEnhance, ImageFilter

# Radius of the blur that "clarity" takes away from a picture, as a share of its longer side: wide,
# so that regions and not edges gain contrast.
CLARITY_RADIUS = 0.05


@dataclass(frozen=True)
class Edit:
    """A way to edit a whole picture. 1, and 0 for clarity, leave it as it is.

    Attributes:
        name: str. What it is called.
        brightness: float. Factor of all values (Pillow's `ImageEnhance.Brightness`).
        contrast: float. Factor of the distance from the mean grey (`ImageEnhance.Contrast`).
        saturation: float. Factor of the distance from grey (`ImageEnhance.Color`); 0 for grey.
        clarity: float. Amount of an unsharp mask with a wide radius (`ImageFilter.UnsharpMask`).
    """

    name: str
    brightness: float = 1.0
    contrast: float = 1.0
    saturation: float = 1.0
    clarity: float = 0.0

    def describe(self) -> dict[str, Any]:
        """What goes into the report."""
        return asdict(self)

    def apply(self, image: Image.Image) -> Image.Image:
        """Edit a picture.

        Args:
            image: Image. In mode RGB.

        Returns:
            A picture of the same size and mode; the same object where nothing is to be done.
        """
        for enhancer, factor in (
            (ImageEnhance.Brightness, self.brightness),
            (ImageEnhance.Contrast, self.contrast),
            (ImageEnhance.Color, self.saturation),
        ):
            if factor != 1.0:
                image = enhancer(image).enhance(factor)
        if self.clarity:
            radius = CLARITY_RADIUS * max(image.size)
            mask = ImageFilter.UnsharpMask(radius, round(100 * self.clarity), threshold=0)
            image = image.filter(mask)
        return image


EDITS = (
    Edit("none"),
    Edit("brightness × 0.6", brightness=0.6),
    Edit("brightness × 1.4", brightness=1.4),
    Edit("contrast × 0.7", contrast=0.7),
    Edit("contrast × 1.4", contrast=1.4),
    Edit("colour × 0.5", saturation=0.5),
    Edit("colour × 1.6", saturation=1.6),
    Edit("greyscale", saturation=0.0),
    Edit("clarity 50 %", clarity=0.5),
)
