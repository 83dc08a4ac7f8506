"""The tags of a TIFF: its pages, and which of them is the picture."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PIL.TiffImagePlugin import ImageFileDirectory_v2

from deepfake.errors import ImageError
from deepfake.imaging.limits import check_dimensions
from deepfake.settings import Settings

Tags = Mapping[int, Any]
SUBFILE, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER = (
    254,
    256,
    257,
    258,
    259,
    262,
    266,
)
STRIP_OFFSETS, ORIENTATION, SAMPLES, ROWS, STRIP_BYTES, HIGHEST = 273, 274, 277, 278, 279, 281
PLANAR, PREDICTOR, TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_BYTES = 284, 317, 322, 323, 324, 325
EXTRA, FORMAT, PROFILE = 338, 339, 34675
REDUCED, MASK = 1, 4
UNCOMPRESSED, YCBCR = 1, 6
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, CMYK = 0, 1, 2, 5
SIGNED, FLOAT, UNDEFINED = 2, 3, 4
# A file can claim millions.
MAX_PAGES = 100
# What a camera saw behind its colour filters, and such values made linear.
RAW = (32803, 34892)
# Compressions that Pillow's libtiff knows.
KNOWN = frozenset(
    (1, 2, 3, 4, 5, 6, 7, 8, 32771, 32773, 32946, 34676, 34677, 34925, 50000)
)  # fmt: skip
NAMED = {34712: "JPEG 2000", 34887: "LERC", 50001: "WebP", 50002: "JPEG XL", 52546: "JPEG XL"}


@dataclass(frozen=True)
class Page:
    """A page of a TIFF.

    Attributes:
        number: int. From 1, as people count; masks are not counted.
        place: int. Where its tags begin.
        tags: ImageFileDirectory_v2. The tags.
    """

    number: int
    place: int
    tags: ImageFileDirectory_v2

    @property
    def pixels(self) -> int:
        """Width × height."""
        return number(self.tags, WIDTH, 0) * number(self.tags, HEIGHT, 0)


def pages_of(data: bytes) -> list[Page]:
    """Find the pages that are pictures.

    Args:
        data: bytes. The file.

    Returns:
        At least one: the largest first, those of one size in their order.

    Raises:
        EOFError: the file is cut off before any of them.
    """
    file = io.BytesIO(data)
    if data.startswith(b"MM\0+"):
        raise ValueError("Big files of big-endian machines are not supported by Pillow.")
    head = file.read(16 if data[2] == ord("+") else 8)
    found: list[tuple[int, ImageFileDirectory_v2]] = []
    place = ImageFileDirectory_v2(head).next
    while place and len(found) < MAX_PAGES and place not in (seen for seen, _ in found):
        tags = ImageFileDirectory_v2(head)
        file.seek(place)
        try:
            if place >= len(data):
                raise EOFError("truncated")
            tags.load(file)
        except Exception:
            # Whatever is behind a damaged page is as good as absent; the first must be whole.
            if not found:
                raise
            break
        found.append((place, tags))
        place = tags.next
    shown = [page for page in found if not number(page[1], SUBFILE, 0) & MASK] or found
    if not shown:
        raise EOFError("truncated")
    pages = [Page(index, *page) for index, page in enumerate(shown, 1)]
    return sorted(pages, key=lambda page: page.pixels, reverse=True)


def notes_on(page: Page, pages: Sequence[Page]) -> list[str]:
    """Sentences on other pages, and on what is no finished picture.

    Args:
        page: Page. The one that is looked at.
        pages: sequence of Page. All, as of `pages_of`.
    """
    notes = []
    if page != pages[0]:
        notes.append(f"The largest page is empty; page {page.number} was looked at.")
    elif page.number > 1:
        notes.append(
            f"The file has {len(pages)} pages; the largest, page {page.number}, was looked at."
        )
    elif len(pages) > 1:
        notes.append("Only the first frame or page of the file was looked at.")
    if number(page.tags, SUBFILE, 0) & REDUCED:
        notes.append(
            "The file holds its picture in a form that is not read here, such as a camera's raw "
            "data; a preview of it was looked at. Export the photo as JPEG."
        )
    return notes


def check(tags: Tags, settings: Settings) -> None:
    """Refuse what is over a limit, or of a kind that cannot be read.

    Raises:
        ImageError: with a sentence that says which.
    """
    check_dimensions(number(tags, WIDTH, 0), number(tags, HEIGHT, 0), settings)
    if number(tags, TILE_WIDTH, 1) * number(tags, TILE_HEIGHT, 1) > settings.max_pixels:
        raise ImageError(
            "The TIFF file has tiles larger than any picture allowed. Export it again."
        )
    compression, colours = number(tags, COMPRESSION, 1), number(tags, PHOTOMETRIC, 0)
    if colours in RAW:
        raise ImageError(
            "The TIFF file holds a camera's raw data, not a finished picture. Export the photo as "
            "JPEG."
        )
    # Pillow reads it as RGB and says that it is cut off.
    if (compression, colours) == (UNCOMPRESSED, YCBCR):
        raise ImageError(
            "The TIFF file has YCbCr colours without compression, which cannot be read here. "
            "Export it in RGB."
        )
    if compression not in KNOWN:
        name = NAMED.get(compression, f"method {compression}")
        raise ImageError(
            f"The TIFF file is compressed with {name}, which is not read here. Export it without "
            "compression, or as JPEG or PNG."
        )
    formats, deep = values(tags, FORMAT, (1,)), max(values(tags, BITS, (1,)), default=1) > 16
    # Signed values of 32 bits are judged by what they are: programs keep 16 bits in them.
    if not all(kind in (1, FLOAT, UNDEFINED) or (kind == SIGNED and deep) for kind in formats):
        what = "signed" if SIGNED in formats else "complex"
        raise ImageError(
            f"The TIFF file has {what} values, of which nobody knows which one is black and which "
            "one white. Export it with 8 or 16 bits a channel, unsigned."
        )


def number(tags: Tags, tag: int, default: int) -> int:
    """A tag's value, which must be one whole number.

    Raises:
        ValueError: it is something else.
    """
    value = tags.get(tag, default)
    if isinstance(value, tuple) and value:
        value = value[0]
    if not isinstance(value, int) or value < 0:
        raise ValueError(f"tag {tag} is {value!r}")
    return value


def values(tags: Tags, tag: int, default: tuple[int, ...]) -> tuple[int, ...]:
    """A tag's whole numbers.

    Raises:
        ValueError: they are something else.
    """
    found = tags.get(tag, default)
    found = found if isinstance(found, tuple) else (found,)
    if not all(isinstance(one, int) and one >= 0 for one in found):
        raise ValueError(f"tag {tag} is {found!r}")
    return found
