"""Bytes or a path → Picture.

The order matters: the number of bytes, then what the first bytes say, then the dimensions in the
header are checked before a single pixel is decoded, so that a small file cannot fill the memory.
"""

from __future__ import annotations

import hashlib
import io
import math
from contextlib import nullcontext
from os import PathLike

import numpy as np
from PIL import Image

from deepfake import decoders
from deepfake.colour import to_srgb
from deepfake.errors import ImageError
from deepfake.imaging import bmp, boxes, claims, jpeg, png, tiff, tiff_tags
from deepfake.imaging.jpeg_quality import quality_of
from deepfake.imaging.kinds import sniff
from deepfake.imaging.limits import check_byte_count, check_dimensions, unreadable
from deepfake.imaging.picture import Picture
from deepfake.imaging.pixels import as_array
from deepfake.imaging.reduced import STREAMED, WHOLE, in_words, read_smaller, times_allowed
from deepfake.imaging.source import read_path
from deepfake.imaging.upright import turn_upright
from deepfake.imaging.webp import canvas_of
from deepfake.settings import Settings

# Pictures above this are decoded one at a time: each may need a few hundred megabytes.
LARGE_PIXELS = 12_000_000
# An animation may fade in from nothing. Its frames together are no more pixels than a picture's.
MAX_EMPTY_FRAMES = 50
EMPTY_SPREAD, LOOKED_AT = 16, 256
# Some phones write a line of their own before the video of a motion photo.
VIDEO_WITHIN = 64
# A JPEG with a second picture inside (a depth map, a gain map) is Pillow's format "MPO".
DECODERS = {"JPEG": ("JPEG", "MPO")}
NO_HEIC = (
    "HEIC photos cannot be read here: the package pi-heif is missing. Send the photo as a JPEG, or "
    "have whoever runs this do: pip install pi-heif."
)


def read(source: str | PathLike[str] | bytes, settings: Settings | None = None) -> Picture:
    """Read a picture from a path or from bytes.

    Args:
        source: path or bytes of a JPEG, PNG, WebP, AVIF, HEIC, BMP, TIFF or GIF file.
        settings: Settings. Limits on bytes and pixels, and whether a child process decodes
            (`decoders`). Defaults to the environment's.

    Returns:
        The Picture. Of an animation the first frame that shows something, of several pages the
        largest that does, with a note that says so.

    Raises:
        ImageError: no such file, over a limit, not a picture, or damaged.
    """
    settings = settings or Settings.from_environment()
    data = source if isinstance(source, bytes) else read_path(source, settings)
    check_byte_count(len(data), settings)
    sniff(data)
    return decoders.run(_decode, data, settings, answers=(Picture,))


def _decode(data: bytes, settings: Settings) -> Picture:
    kind = sniff(data)
    # Pillow has a limit of its own; ours is checked before any pixel is decoded.
    most = math.ceil(STREAMED * settings.max_pixels)
    Image.MAX_IMAGE_PIXELS = max(Image.MAX_IMAGE_PIXELS or 0, most)
    try:
        pixels, notes = _READERS.get(kind, _read_plain)(data, kind, settings)
        quality = _jpeg_quality(data) if kind == "JPEG" else None
    except ImageError:
        raise
    except (MemoryError, Image.DecompressionBombError):
        raise ImageError("The picture is too large to decode. Send a smaller copy of it.") from None
    except Exception as error:
        # Pillow's readers raise many types (OSError, SyntaxError, ValueError, struct.error, …) on
        # damaged files; whichever it is, the file is what is wrong.
        raise unreadable(kind, error) from error
    digest = hashlib.sha256(data).hexdigest()
    return Picture(pixels, kind, len(data), digest, tuple(notes), quality)


def _jpeg_quality(data: bytes) -> int | None:
    with opened(data, "JPEG") as image:
        return quality_of(image)


def opened(data: bytes, kind: str) -> Image.Image:
    """Open a picture for its decoder alone; nothing is decoded yet.

    Args:
        data: bytes. The file.
        kind: str. As of `sniff`.

    Raises:
        ImageError: its tags would fill the memory, or a package is missing.
    """
    claims.check(data, kind)
    if kind == "HEIF":
        # 60 ms to import, and few pictures need it.
        try:
            import pi_heif
        except ImportError:
            raise ImageError(NO_HEIC) from None
        pi_heif.register_heif_opener()
    return Image.open(io.BytesIO(data), formats=DECODERS.get(kind, (kind,)))


Pixels = tuple[np.ndarray, list[str]]


def _read_plain(
    data: bytes, kind: str, settings: Settings, cicp: tuple[int, int] | None = None
) -> Pixels:
    """What Pillow decodes, upright and in sRGB."""
    with opened(data, kind) as image:
        return _shown(image, settings, cicp)


def _shown(image: Image.Image, settings: Settings, cicp: tuple[int, int] | None = None) -> Pixels:
    check_dimensions(*image.size, settings, times_allowed(image))
    with decoders.one_at_a_time() if image.width * image.height > LARGE_PIXELS else nullcontext():
        pixels, notes = _frame(image, settings, cicp)
        # A JPEG's further pictures are depth and gain maps; a TIFF's pages were chosen from.
        if image.format in ("JPEG", "MPO", "TIFF") or not _go_to(image, 1):
            return pixels, notes
        if _is_empty(pixels):
            most = min(MAX_EMPTY_FRAMES, settings.max_pixels // (image.width * image.height))
            for index in range(1, most):
                if not _go_to(image, index):
                    break
                later, more = _frame(image, settings, cicp)
                if not _is_empty(later):
                    empty = "frame is" if index == 1 else f"{index} frames are"
                    looked = f"The first {empty} empty; frame {index + 1} was looked at."
                    return later, [*more, looked]
    return pixels, [*notes, "Only the first frame or page of the file was looked at."]


def _frame(image: Image.Image, settings: Settings, cicp: tuple[int, int] | None) -> Pixels:
    full = image.size
    image, by = read_smaller(image, settings)
    if cicp:
        image.info["cicp"] = cicp
    upright, notes = turn_upright(bmp.shown_opaque(image))
    colour, note = to_srgb(upright)
    return as_array(colour), in_words(by, full, upright.size) + notes + note


def _go_to(image: Image.Image, index: int) -> bool:
    """Whether there is such a frame, without counting them: files can claim thousands."""
    try:
        image.seek(index)
        if index > 1:
            image.load()
    except Exception:
        # EOFError where there is none; a damaged frame is none either.
        return False
    return True


def _is_empty(pixels: np.ndarray) -> bool:
    """Whether a picture is of one colour, or nearly."""
    few = pixels[:: len(pixels) // LOOKED_AT + 1, :: len(pixels[0]) // LOOKED_AT + 1]
    low, high = np.percentile(few, (1, 99), axis=(0, 1))
    return float((high - low).max()) < EMPTY_SPREAD


def _read_webp(data: bytes, kind: str, settings: Settings) -> Pixels:
    # libwebp takes memory for the whole canvas when a file is opened, before its size is told.
    check_dimensions(*canvas_of(data), settings, WHOLE)
    return _read_plain(data, kind, settings)


def _read_jpeg(data: bytes, kind: str, settings: Settings) -> Pixels:
    end = jpeg.end_of(data)
    try:
        pixels, notes = _read_plain(data, kind, settings)
    except OSError as error:
        if "truncated" not in str(error):
            raise
        pixels, notes = _read_without_end(data, kind, settings, error)
    if end is None:
        return pixels, notes
    pictures, end = jpeg.behind(data, end)
    if pictures:
        notes.append(
            "The file holds a second picture behind the first, such as a gain map or a depth map, "
            "as phones write them; only the first was looked at."
        )
    return pixels, notes + _trailing(data, end)


def _read_without_end(data: bytes, kind: str, settings: Settings, error: OSError) -> Pixels:
    """A JPEG that lacks nothing but its end; `error` is raised for one that lacks more."""
    try:
        (pixels, notes), (others, _) = (
            _read_plain(ended, kind, settings) for ended in jpeg.ended(data)
        )
    except OSError:
        raise error from None
    if not np.array_equal(pixels, others) or not jpeg.has_all_scans(data):
        raise error
    return pixels, [*notes, "The JPEG lacks its end marker; all of its pixels are there."]


def _read_png(data: bytes, kind: str, settings: Settings) -> Pixels:
    chunks = png.chunks_of(data)
    pixels, notes = _read_plain(chunks.data, kind, settings, chunks.cicp)
    return pixels, [*notes, *chunks.notes, *_trailing(data, chunks.end)]


def _read_with_boxes(data: bytes, kind: str, settings: Settings) -> Pixels:
    main = boxes.main_picture(data)
    if main.size is not None:
        # The decoders have limits of their own and call what is larger damaged.
        check_dimensions(*main.size, settings, WHOLE)
    return _read_plain(data, kind, settings, main.cicp)


def _read_bmp(data: bytes, kind: str, settings: Settings) -> Pixels:
    try:
        return _read_plain(data, kind, settings)
    except OSError as error:
        if "bitfields layout" not in str(error):
            raise
        image = bmp.read_bit_fields(data, settings)
        image.format = kind
        return _shown(image, settings)


def _read_tiff(data: bytes, kind: str, settings: Settings) -> Pixels:
    claims.check(data, kind)
    pages = tiff_tags.pages_of(data)
    pixels, notes = _read_page(data, pages[0], kind, settings)
    chosen, seen = pages[0], 0
    if _is_empty(pixels):
        for page in pages[1:MAX_EMPTY_FRAMES]:
            if seen > settings.max_pixels:
                break
            seen += page.pixels
            try:
                later, more = _read_page(data, page, kind, settings)
            except Exception:  # noqa: S112  # a damaged page is as good as absent
                continue
            if not _is_empty(later):
                chosen, pixels, notes = page, later, more
                break
    return pixels, [*notes, *tiff_tags.notes_on(chosen, pages)]


def _read_page(data: bytes, page: tiff_tags.Page, kind: str, settings: Settings) -> Pixels:
    tiff_tags.check(page.tags, settings)
    if not tiff.read_otherwise(page.tags):
        return _read_plain(tiff.page_first(data, page.place), kind, settings)
    with decoders.one_at_a_time() if page.pixels > LARGE_PIXELS else nullcontext():
        image, notes = tiff.read_samples(data, page.tags)
        colour, more = to_srgb(image)
    return as_array(colour), notes + more


_READERS = {
    "JPEG": _read_jpeg,
    "PNG": _read_png,
    "AVIF": _read_with_boxes,
    "HEIF": _read_with_boxes,
    "BMP": _read_bmp,
    "TIFF": _read_tiff,
    "WEBP": _read_webp,
}


def _trailing(data: bytes, end: int | None) -> list[str]:
    """A note on what stands behind a picture that decodes all the same."""
    tail = b"" if end is None else data[end:]
    if not tail.strip(jpeg.PADDING):
        return []
    if b"ftyp" in tail[:VIDEO_WITHIN]:
        return [
            f"A video of {len(tail):,} bytes stands behind the picture, as phones write it; only "
            "the picture was looked at."
        ]
    return [
        f"The file goes on for {len(tail):,} bytes after the picture; only the picture was read."
    ]
