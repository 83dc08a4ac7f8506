"""A JPEG of a photo whose format browsers do not show."""

from __future__ import annotations

from pathlib import Path

from deepfake import imaging, jpeg
from deepfake.imaging.kinds import SNIFFED_BYTES
from deepfake.settings import Settings
from deepfake.web import drawing

# Only Safari shows these.
UNSHOWN = ("HEIF", "TIFF")


def preview(photo: str, settings: Settings) -> str:
    """The address of a JPEG of a photo, small enough to show; "" where browsers show its file.

    Args:
        photo: str. The path of a photo that can be read.
        settings: Settings. The limits.
    """
    with Path(photo).open("rb") as file:
        if imaging.sniff(file.read(SNIFFED_BYTES)) not in UNSHOWN:
            return ""
    return jpeg.address(drawing.shrink(imaging.read(photo, settings).image), 80)
