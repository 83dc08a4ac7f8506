"""What is too large, and the sentences on files that cannot be read."""

from __future__ import annotations

from deepfake.errors import ImageError
from deepfake.settings import Settings


def check_byte_count(count: int, settings: Settings) -> None:
    """Refuse empty files and those over the limit.

    Raises:
        ImageError: no bytes, or more than `settings.max_bytes`.
    """
    if count == 0:
        raise ImageError("The file is empty. Download or export the photo again.")
    if count > settings.max_bytes:
        raise ImageError(
            f"The file is larger than {settings.max_bytes / 1e6:g} MB. Send a smaller copy of it "
            "(the operator's limit is DEEPFAKE_MAX_BYTES)."
        )


def check_dimensions(width: int, height: int, settings: Settings, times: float = 1.0) -> None:
    """Refuse pictures without pixels and those over the limit.

    Args:
        width: int. In pixels.
        height: int. In pixels.
        settings: Settings. With the limit.
        times: float. As of `reduced.times_allowed`.

    Raises:
        ImageError: no pixels, or more than `times` `settings.max_pixels`.
    """
    if width < 1 or height < 1:
        raise ImageError(f"The picture has no pixels ({width} × {height}). Export it again.")
    most = times * settings.max_pixels
    if width * height > most:
        raise ImageError(
            f"The picture has {width * height / 1e6:.0f} megapixels ({width} × {height}), more "
            f"than the {most / 1e6:g} that are allowed. Send a smaller copy of it "
            "(the operator's limit is DEEPFAKE_MAX_PIXELS)."
        )


def unreadable(kind: str, error: Exception) -> ImageError:
    """What to tell of a file on which a decoder gave up.

    Args:
        kind: str. The format, as in `Picture.format`.
        error: Exception. What the decoder raised.
    """
    said = str(error).lower()
    if "unsupported" in said or "not supported" in said or "unknown pixel mode" in said:
        return ImageError(
            f"This kind of {kind} file cannot be read here. Save the photo as JPEG or PNG."
        )
    if "truncat" in said or isinstance(error, EOFError):
        return ImageError(
            f"The {kind} file is cut off before its end. Download or export the photo again."
        )
    a = "an" if kind == "AVIF" else "a"
    return ImageError(
        f"The file starts like {a} {kind} picture, but what follows is damaged or something else. "
        "Download or export the photo again."
    )
