"""TIFFs that Pillow reads wrongly or not at all: deep, floating, inverted, in planes.

Pillow knows a list of layouts, and of some of them only the half: 12 bits become near black,
WhiteIsZero is not inverted at 16, planes of 16 bits are read as pixels. Here strips and tiles are
unpacked and put together to samples, whatever their layout; what they mean is `colour`'s to say.
"""

from __future__ import annotations

import ctypes
import io
import lzma
import math
import struct
import zlib
from contextlib import suppress

import numpy as np
from PIL import Image, _imaging

from deepfake.colour.samples import floats_to_8_bit, whole_numbers_to_8_bit
from deepfake.errors import ImageError
from deepfake.imaging.tiff_tags import (
    BITS,
    BLACK_IS_ZERO,
    CMYK,
    COMPRESSION,
    EXTRA,
    FILL_ORDER,
    FLOAT,
    FORMAT,
    HEIGHT,
    HIGHEST,
    ORIENTATION,
    PHOTOMETRIC,
    PLANAR,
    PREDICTOR,
    PROFILE,
    RGB,
    ROWS,
    SAMPLES,
    STRIP_BYTES,
    STRIP_OFFSETS,
    TILE_BYTES,
    TILE_HEIGHT,
    TILE_OFFSETS,
    TILE_WIDTH,
    WHITE_IS_ZERO,
    WIDTH,
    Tags,
    number,
    values,
)  # fmt: skip
from deepfake.imaging.upright import UPRIGHT

# What Pillow reads of one sample a pixel; of several it reads 8.
EASY_BITS = frozenset((1, 2, 4, 8))
COLOURS = {WHITE_IS_ZERO: 1, BLACK_IS_ZERO: 1, RGB: 3, CMYK: 4}
ASSOCIATED, UNASSOCIATED = 1, 2
NONE, LZW, DEFLATE, PACK_BITS, OLD_DEFLATE, LZMA, ZSTD = 1, 5, 8, 32773, 32946, 34925, 50000
SEPARATE, DIFFERENCES, FLOAT_DIFFERENCES = 2, 2, 3
MAX_SAMPLES = 8
# Of the samples, where a file says that fewer bits are used: some sparks.
MOST_ABOVE = 0.001
# Values of 32 bits of a 40-megapixel picture in RGB.
MAX_DECODED_BYTES = 500_000_000
# libtiff tells the terminal what it thinks of a file. Where it cannot be reached, it goes on.
with suppress(AttributeError, OSError):
    ctypes.CDLL(_imaging.__file__).TIFFSetErrorHandler(None)


def read_otherwise(tags: Tags) -> bool:
    """Whether Pillow reads such samples wrongly or not at all."""
    bits, colours = values(tags, BITS, (1,)), number(tags, PHOTOMETRIC, 0)
    samples = number(tags, SAMPLES, 1)
    if max(bits, default=1) <= 8:
        easy = {8} if samples > 1 else EASY_BITS
        return not easy.issuperset(bits)
    if number(tags, COMPRESSION, NONE) == PACK_BITS and number(tags, PREDICTOR, 1) != 1:
        # Some programs write differences there, where libtiff knows of none.
        return True
    plain = set(bits) == {16} and FLOAT not in values(tags, FORMAT, (1,)) and _meant(tags, 16) == 16
    whole = samples == 1 or number(tags, PLANAR, 1) != SEPARATE
    # In these cases Pillow takes the upper eight bits, which is right.
    known = {BLACK_IS_ZERO: (1,), RGB: (3, 4), CMYK: (4,)}
    return not (plain and whole and samples in known.get(colours, ()))


def page_first(data: bytes, place: int) -> bytes:
    """The same file with the page whose tags begin at `place` in front."""
    order = "<" if data[:2] == b"II" else ">"
    if data[2] == ord("+"):
        return data[:8] + struct.pack(order + "Q", place) + data[16:]
    return data[:4] + struct.pack(order + "I", place) + data[8:]


def read_samples(data: bytes, tags: Tags) -> tuple[Image.Image, list[str]]:
    """Read a page whose samples are like those of `read_otherwise`.

    Args:
        data: bytes. The file.
        tags: mapping. Those of the page, within the limits.

    Returns:
        (the picture, upright and with 8 bits a channel; sentences on how it was brought to them).

    Raises:
        ImageError: it has a layout or values that nobody can be sure of, or is too large.
        EOFError: it is cut off.
    """
    colours = number(tags, PHOTOMETRIC, 0)
    samples, bits = number(tags, SAMPLES, 1), values(tags, BITS, (1,))
    floating = FLOAT in values(tags, FORMAT, (1,))
    depth = bits[0]
    depths = (16, 32, 64) if floating else (*range(1, 8), *range(9, 17), 32, 64)
    fits = colours in COLOURS and COLOURS[colours] <= samples <= MAX_SAMPLES
    predicted = depth < 16 and number(tags, PREDICTOR, 1) != 1
    if predicted and number(tags, COMPRESSION, NONE) != NONE:
        fits = False
    if not fits or set(bits) != {depth} or depth not in depths or number(tags, FILL_ORDER, 1) != 1:
        raise ImageError(
            f"The TIFF file has {depth} bits a channel in a layout that is not read here. Export "
            "it with 8 bits a channel, in RGB."
        )
    width, height = number(tags, WIDTH, 0), number(tags, HEIGHT, 0)
    if width * height * samples * max(2, depth // 8) > MAX_DECODED_BYTES:
        raise ImageError(
            f"The TIFF file has too many pixels for {depth} bits a channel. Export it with 8."
        )
    wide = _samples(data, tags, width, height, samples, depth, floating)
    extra = values(tags, EXTRA, ())[:1]
    alpha = len(extra) == 1 and extra[0] in (ASSOCIATED, UNASSOCIATED)
    wide = wide[..., : COLOURS[colours] + (alpha and samples > COLOURS[colours])]
    if floating:
        narrow, notes = floats_to_8_bit(wide)
    else:
        meant = _meant(tags, depth)
        if meant < depth and np.count_nonzero(wide >> meant) > MOST_ABOVE * wide.size:
            # The pixels say otherwise.
            meant = depth
        narrow, notes = whole_numbers_to_8_bit(wide, meant)
        if meant != depth:
            notes.append(f"The TIFF file says that its values of {depth} bits use only {meant}.")
    if colours == WHITE_IS_ZERO:
        narrow[..., 0] = 255 - narrow[..., 0]
    image = _image(narrow, colours, associated=extra == (ASSOCIATED,))
    turned = UPRIGHT.get(number(tags, ORIENTATION, 1))
    image = image if turned is None else image.transpose(turned)
    profile = tags.get(PROFILE)
    if isinstance(profile, bytes):
        image.info["icc_profile"] = profile
    elif floating:
        notes.append(
            "The picture has floating-point values and no colour profile; they were taken for "
            "sRGB, not for linear light."
        )
    return image, notes


def _meant(tags: Tags, depth: int) -> int:
    """How many of its bits a sample uses: cameras for machines and microscopes put 12 into 16.

    MaxSampleValue may also be just the brightest value there is, and TIFF 6.0 does not want a
    picture changed by it. Only all ones of some bits tell how many were meant.
    """
    said = tags.get(HIGHEST)
    said = said if isinstance(said, tuple) else (said,)
    highest = max((one for one in said if isinstance(one, int)), default=0)
    used = highest.bit_length()
    return used if depth == 16 and 8 < used < 16 and highest == (1 << used) - 1 else depth


def _image(narrow: np.ndarray, colours: int, associated: bool) -> Image.Image:
    mode = {1: "L", 3: "RGB", 4: "CMYK"}[COLOURS[colours]]
    if narrow.shape[2] > COLOURS[colours]:
        if mode == "CMYK":
            narrow = narrow[..., :4]
        else:
            mode = (
                ("La" if associated else "LA") if mode == "L" else "RGBa" if associated else "RGBA"
            )
    size = (narrow.shape[1], narrow.shape[0])
    return Image.frombytes(mode, size, np.ascontiguousarray(narrow).tobytes())


def _samples(
    data: bytes, tags: Tags, width: int, height: int, samples: int, depth: int, floating: bool
) -> np.ndarray:
    """All samples of the page: (height, width, samples)."""
    tiled = TILE_OFFSETS in tags
    across = number(tags, TILE_WIDTH, 0) if tiled else width
    down = number(tags, TILE_HEIGHT, 0) if tiled else min(number(tags, ROWS, height), height)
    offsets = values(tags, TILE_OFFSETS if tiled else STRIP_OFFSETS, ())
    counts = values(tags, TILE_BYTES if tiled else STRIP_BYTES, ())
    if across < 1 or down < 1 or across * down > max(width, 1024) * max(height, 1024):
        raise ValueError("strips or tiles of an impossible size")
    separate = samples > 1 and number(tags, PLANAR, 1) == SEPARATE
    columns, rows = math.ceil(width / across), math.ceil(height / down)
    planes = samples if separate else 1
    if min(len(offsets), len(counts)) < columns * rows * planes:
        raise EOFError("truncated")
    order = "<" if data[:2] == b"II" else ">"
    kind = f"f{depth // 8}" if floating else f"u{max(2, depth // 8)}" if depth >= 16 else "u2"
    whole = np.zeros((height, width, samples), kind)
    each = samples // planes
    row_bytes = (across * each * depth + 7) // 8
    compression = number(tags, COMPRESSION, NONE)
    # Of what is not compressed no differences were taken, whatever the tag says (libtiff, too).
    predictor = 1 if compression == NONE else number(tags, PREDICTOR, 1)
    for index in range(columns * rows * planes):
        plane, cell = divmod(index, columns * rows)
        y, x = (cell // columns) * down, (cell % columns) * across
        there = down if tiled else min(down, height - y)
        piece = data[offsets[index] : offsets[index] + counts[index]]
        raw = _unpacked(piece, compression, row_bytes, there)
        block = _block(raw, (there, across, each), depth, order + kind, predictor)
        target = whole[y : y + down, x : x + across, plane : plane + each if separate else None]
        target[...] = block[: target.shape[0], : target.shape[1]]
    return whole


def _unpacked(piece: bytes, compression: int, row_bytes: int, rows: int) -> np.ndarray:
    """A strip or tile as bytes: (rows, row_bytes)."""
    wanted = row_bytes * rows
    if compression == NONE:
        raw = piece
    elif compression in (DEFLATE, OLD_DEFLATE):
        raw = zlib.decompressobj().decompress(piece, wanted)
    elif compression == LZMA:
        raw = lzma.LZMADecompressor(memlimit=MAX_DECODED_BYTES).decompress(piece, wanted)
    elif compression in (LZW, PACK_BITS, ZSTD):
        raw = _by_libtiff(piece, compression, row_bytes, rows)
    else:
        raise ImageError(
            "The TIFF file is compressed in a way that does not go with so many bits a channel. "
            "Export it without compression."
        )
    if len(raw) < wanted:
        raise EOFError("truncated")
    return np.frombuffer(raw, np.uint8, wanted).reshape(rows, row_bytes)


def _by_libtiff(piece: bytes, compression: int, row_bytes: int, rows: int) -> bytes:
    """Have libtiff unpack the bytes as if they were a picture in grey."""
    tags = {
        WIDTH: row_bytes, HEIGHT: rows, BITS: 8, COMPRESSION: compression,
        PHOTOMETRIC: BLACK_IS_ZERO, STRIP_OFFSETS: 0, SAMPLES: 1, ROWS: rows,
        STRIP_BYTES: len(piece),
    }  # fmt: skip
    tags[STRIP_OFFSETS] = 8 + 2 + 12 * len(tags) + 4
    table = b"".join(struct.pack("<HHII", tag, 4, 1, tags[tag]) for tag in sorted(tags))
    head = struct.pack("<2sHIH", b"II", 42, 8, len(tags))
    grey = io.BytesIO(head + table + b"\0\0\0\0" + piece)
    with Image.open(grey, formats=("TIFF",)) as image:
        return image.tobytes()


def _block(
    raw: np.ndarray, shape: tuple[int, int, int], depth: int, kind: str, predictor: int
) -> np.ndarray:
    """Bytes of a strip or tile → samples."""
    rows, across, each = shape
    if depth < 16:
        # Samples that are no whole number of bytes follow each other bit by bit.
        bits = np.unpackbits(raw, axis=1)[:, : across * each * depth].reshape(*shape, depth)
        return bits @ (1 << np.arange(depth - 1, -1, -1, dtype=np.uint16))
    if predictor == FLOAT_DIFFERENCES:
        # The highest bytes of a row's values stand first, then the next ones, each as the
        # difference from its neighbour's.
        summed = np.cumsum(raw.reshape(rows, -1, each), axis=1, dtype=np.uint8)
        split = summed.reshape(rows, depth // 8, across * each).swapaxes(1, 2)
        return np.ascontiguousarray(split).view(">" + kind[1:]).reshape(shape)
    if predictor == DIFFERENCES:
        # Of floating-point values, too, the bits were subtracted as if they were whole numbers.
        bits = raw.view(f"{kind[0]}u{depth // 8}").reshape(shape)
        return np.cumsum(bits, axis=1, dtype=f"u{depth // 8}").view(kind[1:])
    return raw.view(kind).reshape(shape)
