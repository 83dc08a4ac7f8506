"""Bytes or a path → Picture: safe decoding, upright, sRGB, within limits.

The order matters: the number of bytes, then what the first bytes say, then the dimensions in the
header are checked before a single pixel is decoded, so that a small file cannot fill the memory.
"""

from __future__ import annotations

import codecs
import hashlib
import io
import re
import threading
from contextlib import nullcontext
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path

import numpy as np
from PIL import Image

from deepfake.colour import to_srgb
from deepfake.errors import ImageError
from deepfake.settings import Settings

# Formats by their first bytes; names and endings of files are not believed.
MAGIC = (
    ("JPEG", re.compile(rb"\xff\xd8\xff")),
    ("PNG", re.compile(rb"\x89PNG\r\n\x1a\n")),
    ("WEBP", re.compile(rb"RIFF....WEBP", re.DOTALL)),
    ("AVIF", re.compile(rb"....ftyp(avif|avis)", re.DOTALL)),
    ("HEIF", re.compile(rb"....ftyp(heic|heix|hevc|hevx|heim|heis|mif1|msf1)", re.DOTALL)),
    ("BMP", re.compile(rb"BM")),
    ("TIFF", re.compile(rb"II\*\x00|MM\x00\*|II\+\x00|MM\x00\+")),
    ("GIF", re.compile(rb"GIF8[79]a")),
)
# Endings of picture files, for searching folders; a file that is named is read whatever its own.
SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".jfif", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif", ".heic",
     ".heif")
)  # fmt: skip
NOT_PICTURES = (
    ("a web page", re.compile(rb"\s*<(!doctype html|html|head)", re.IGNORECASE)),
    ("a PDF document", re.compile(rb"%PDF")),
    (
        "a Git-LFS pointer: the real file was not downloaded",
        re.compile(rb"version https://git-lfs"),
    ),
    ("a ZIP archive or an office document", re.compile(rb"PK\x03\x04")),
    ("a video", re.compile(rb"....ftyp|\x1aE\xdf\xa3|RIFF....AVI ", re.DOTALL)),
)
# An SVG may start with a prolog and comments, so its root element is searched for.
XML_START = re.compile(rb"(\xef\xbb\xbf)?\s*<")
ACCEPTED = "JPEG, PNG, WebP, AVIF, HEIC, BMP, TIFF or GIF"
SNIFFED_BYTES = 4096
READ_BYTES = 1_000_000
# Camera and web encoders write about ten scans into a progressive JPEG; each one is a pass over
# all pixels, so a small file with thousands of them would keep a processor busy for hours.
MAX_JPEG_SCANS = 100
JPEG_SOS, JPEG_EOI = 0xDA, 0xD9
JPEG_WITHOUT_LENGTH = frozenset((0x01, 0xD8, *range(0xD0, 0xD8)))
# The next marker behind compressed data, in which FF is followed by 00 or a restart marker.
JPEG_MARKER = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]")
PNG_END = b"IEND\xaeB`\x82"
TIFF_COMPRESSION, TIFF_PHOTOMETRIC = 259, 262
TIFF_UNCOMPRESSED, TIFF_YCBCR = 1, 6
TIFF_TILE_WIDTH, TIFF_TILE_LENGTH = 322, 323
EXIF_ORIENTATION = 0x0112
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Pictures above this are decoded one at a time: each may need a few hundred megabytes.
LARGE_PIXELS = 12_000_000
_LARGE = threading.Lock()


@dataclass(frozen=True)
class Picture:
    """A decoded image.

    Attributes:
        pixels: uint8 array (height, width, 3). RGB in sRGB, upright.
        format: str. "JPEG", "PNG", "WEBP", "AVIF", "HEIF", "BMP", "TIFF" or "GIF".
        byte_count: int. Size of the file in bytes.
        sha256: str. Hash of the file, in hexadecimal.
        notes: tuple of str. Sentences on what was left out or repaired in reading.
    """

    pixels: np.ndarray
    format: str
    byte_count: int
    sha256: str
    notes: tuple[str, ...] = ()

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

        Args:
            image: Image. In any mode. It stays as it is.
            settings: Settings. With the limit on pixels. Defaults to the environment's.

        Raises:
            ImageError: it has no pixels or too many, or its file is damaged.
        """
        try:
            _check_dimensions(image, settings or Settings.from_environment())
            # Pillow forgets the format of what is made from a file, but not its orientation.
            upright, notes = _turn_upright(image) if image.format else (image, [])
            colour, note = to_srgb(upright)
            taken = cls.from_array(np.asarray(colour))
        except ImageError:
            raise
        except Exception as error:
            raise ImageError(_damaged(image.format or "Pillow", error)) from error
        return replace(taken, notes=(*notes, *note))


def read(source: str | PathLike[str] | bytes, settings: Settings | None = None) -> Picture:
    """Read a picture from a path or from bytes.

    Args:
        source: path or bytes of a JPEG, PNG, WebP, AVIF, HEIC, BMP, TIFF or GIF file.
        settings: Settings. Limits on bytes and pixels. Defaults to the environment's.

    Returns:
        The Picture. Of an animation or several pages, the first frame, with a note that says so.

    Raises:
        ImageError: no such file, over a limit, not a picture, or damaged.
    """
    settings = settings or Settings.from_environment()
    if source == "":
        raise ImageError("The name of the file is empty. Name a photo.")
    data = source if isinstance(source, bytes) else _read_bytes(Path(source), settings)
    _check_byte_count(len(data), settings)
    kind = sniff(data)
    try:
        return _decode(data, kind, settings)
    except ImageError:
        raise
    except (MemoryError, Image.DecompressionBombError):
        raise ImageError("The picture is too large to decode. Send a smaller copy of it.") from None
    except Exception as error:
        # Pillow's readers raise many types (OSError, SyntaxError, ValueError, struct.error, …) on
        # damaged files; whichever it is, the file is what is wrong.
        raise ImageError(_damaged(kind, error)) from error


def sniff(data: bytes) -> str:
    """Tell the format from the first bytes.

    Args:
        data: bytes. The file, or at least its first 4096 bytes.

    Returns:
        The format's name as in `Picture.format`.

    Raises:
        ImageError: none of the accepted formats; the message names what it is, where known.
    """
    start = data[:SNIFFED_BYTES]
    for kind, pattern in MAGIC:
        if pattern.match(start):
            return "AVIF" if kind == "HEIF" and _has_avif_brand(start) else kind
    if XML_START.match(start) and b"<svg" in start.lower():
        raise ImageError(f"This is an SVG drawing, not a photograph. Send a {ACCEPTED} photo.")
    for description, pattern in NOT_PICTURES:
        if pattern.match(start):
            raise ImageError(f"This is {description}. Send a {ACCEPTED} photo.")
    try:
        # Not final: a character may be cut in two at the end of the sniffed bytes.
        codecs.getincrementaldecoder("utf-8")().decode(start, final=False)
        looks_like_text = b"\x00" not in start
    except UnicodeDecodeError:
        looks_like_text = False
    what = "a text file" if looks_like_text else "not a picture in a format that is known here"
    raise ImageError(f"This is {what}. Send a {ACCEPTED} photo.")


def _has_avif_brand(start: bytes) -> bool:
    """Whether a file of the general brand "mif1" lists AVIF among its compatible brands."""
    return b"avif" in start[8 : int.from_bytes(start[:4], "big")]


def _read_bytes(path: Path, settings: Settings) -> bytes:
    try:
        if path.is_dir():
            raise ImageError("This is a folder. Name a picture in it.")
        data = bytearray()
        with path.open("rb") as file:
            # One byte more than allowed tells "too large" without reading an endless device; in
            # pieces, since Python reserves as much memory as it is asked to read.
            while len(data) <= settings.max_bytes and (piece := file.read(READ_BYTES)):
                data += piece
        return bytes(data)
    except FileNotFoundError:
        raise ImageError("There is no such file. Check the path.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ImageError(f"The file cannot be opened: {reason}.") from error


def _check_byte_count(count: int, settings: Settings) -> None:
    if count == 0:
        raise ImageError("The file is empty. Download or export the photo again.")
    if count > settings.max_bytes:
        raise ImageError(
            f"The file is larger than {settings.max_bytes / 1e6:g} MB. Send a smaller copy of it "
            "(the operator's limit is DEEPFAKE_MAX_BYTES)."
        )


def _decode(data: bytes, kind: str, settings: Settings) -> Picture:
    if kind == "HEIF":
        # 60 ms to import, and few pictures need it.
        import pillow_heif

        pillow_heif.register_heif_opener()
    end = _jpeg_end(data) if kind == "JPEG" else None
    # Pillow has a limit of its own; ours is checked below, before any pixel is decoded.
    Image.MAX_IMAGE_PIXELS = max(Image.MAX_IMAGE_PIXELS or 0, settings.max_pixels)
    with Image.open(io.BytesIO(data), formats=_decoders(kind)) as image:
        _check_dimensions(image, settings)
        large = image.width * image.height > LARGE_PIXELS
        with _LARGE if large else nullcontext():
            image.load()
            upright, notes = _turn_upright(image)
            colour, note = to_srgb(upright)
            notes += note
            pixels = np.asarray(colour)
        if _has_more_frames(image):
            notes.append("Only the first frame or page of the file was looked at.")
    notes += _trailing(data, kind, end)
    return Picture(pixels, kind, len(data), hashlib.sha256(data).hexdigest(), tuple(notes))


def _decoders(kind: str) -> tuple[str, ...]:
    # A JPEG with a second picture inside (a depth map, a gain map) is Pillow's format "MPO".
    return ("JPEG", "MPO") if kind == "JPEG" else (kind,)


def _check_dimensions(image: Image.Image, settings: Settings) -> None:
    width, height = image.size
    if width < 1 or height < 1:
        raise ImageError(f"The picture has no pixels ({width} × {height}). Export it again.")
    tags = getattr(image, "tag_v2", {})
    tile = tags.get(TIFF_TILE_WIDTH, 1) * tags.get(TIFF_TILE_LENGTH, 1)
    if isinstance(tile, int) and tile > settings.max_pixels:
        raise ImageError(
            "The TIFF file has tiles larger than any picture allowed. Export it again."
        )
    # Pillow reads it as RGB and says that it is cut off.
    if (tags.get(TIFF_COMPRESSION), tags.get(TIFF_PHOTOMETRIC)) == (TIFF_UNCOMPRESSED, TIFF_YCBCR):
        raise ImageError(
            "The TIFF file has YCbCr colours without compression, which cannot be read here. "
            "Export it in RGB."
        )
    if width * height > settings.max_pixels:
        raise ImageError(
            f"The picture has {width * height / 1e6:.0f} megapixels ({width} × {height}), more "
            f"than the {settings.max_pixels / 1e6:g} that are allowed. Send a smaller copy of it "
            "(the operator's limit is DEEPFAKE_MAX_PIXELS)."
        )


def _turn_upright(image: Image.Image) -> tuple[Image.Image, list[str]]:
    try:
        orientation = image.getexif().get(EXIF_ORIENTATION, 1)
    except Exception:
        # Pillow's EXIF reader, too, raises whatever a damaged block leads it to.
        return image, ["The EXIF data is damaged; the picture was taken as it lies."]
    if orientation not in UPRIGHT:
        return image, []
    turned = image.transpose(UPRIGHT[orientation])
    turned.info = image.info
    return turned, []


def _has_more_frames(image: Image.Image) -> bool:
    """Whether there is a second frame, without counting them: files can claim thousands."""
    if image.format == "MPO":  # a JPEG with a depth or gain map, not an animation
        return False
    try:
        image.seek(1)
    except Exception:
        # EOFError where there is none; a damaged second frame is none either.
        return False
    return True


def _jpeg_end(data: bytes) -> int | None:
    """Where the JPEG ends; None where it does not.

    Raises:
        ImageError: it has more scans than any encoder writes.
    """
    place, scans = 2, 0
    while place + 4 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker == JPEG_EOI:
            return place + 2
        if marker == 0xFF or marker in JPEG_WITHOUT_LENGTH:
            place += 1 if marker == 0xFF else 2
            continue
        place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
        if marker == JPEG_SOS:
            scans += 1
            if scans > MAX_JPEG_SCANS:
                raise ImageError(
                    f"The JPEG has more than {MAX_JPEG_SCANS} scans, which no camera or program "
                    "writes. Export the photo again."
                )
            found = JPEG_MARKER.search(data, place)
            if found is None:
                return None
            place = found.end() - 2
    return place + 2 if data[place : place + 2] == bytes((0xFF, JPEG_EOI)) else None


def _trailing(data: bytes, kind: str, jpeg_end: int | None) -> list[str]:
    """A note on what stands behind a picture that decodes all the same."""
    end = jpeg_end
    if kind == "PNG":
        found = data.find(PNG_END)
        end = found + len(PNG_END) if found >= 0 else None
    tail = b"" if end is None else data[end:]
    if not tail.strip(b"\x00\r\n \xff"):
        return []
    return [
        f"The file goes on for {len(tail):,} bytes after the picture; only the picture was read."
    ]


def _damaged(kind: str, error: Exception) -> str:
    if "truncat" in str(error).lower() or isinstance(error, EOFError):
        return f"The {kind} file is cut off before its end. Download or export the photo again."
    return (
        f"The file starts like a {kind} picture, but what follows is damaged or something else. "
        "Download or export the photo again."
    )
