"""Thousands of broken, lying and malicious files, made by code; nothing of them is stored.

`python -m tests.imaging.hostile` reads them all, in a process that is not allowed much, and prints
a line for each before and after it: what is last on the list is what it died of. With a number it
has them read by so many decoders.
"""

import io
import json
import os
import resource
import struct
import sys
import warnings
import zlib

import numpy as np
from PIL import Image

from tests.imaging.files import bmp, encoded, packed, png, png_chunk, tiff

CPU_SECONDS, MEMORY_BYTES = 60, 4_000_000_000
LIES = (0, 1, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "HEIF", "BMP", "TIFF", "GIF")
# Of each format, of which there are several seeds.
MUTANTS, CUTS, SPLICES = 220, 40, 20


def seeds():
    """Valid files of each format, of many kinds: {format: [bytes]}."""
    import pillow_heif

    pillow_heif.register_heif_opener()
    chance = np.random.default_rng(7)
    noise = chance.integers(0, 256, (24, 32, 3), np.uint8)
    image, other = Image.fromarray(noise), Image.fromarray(noise[::-1])
    white = Image.new("RGB", image.size, "white")
    moving = {"save_all": True, "append_images": [other, image]}
    fading = {"save_all": True, "append_images": [white, image]}
    wide = noise.astype(np.uint16) * 257
    exif = Image.Exif()
    exif[0x0112] = 6
    icc = {"icc_profile": _profile()}
    gamma = (b"gAMA", struct.pack(">I", 100_000))
    size = (32, 24)
    return {
        "JPEG": [
            encoded(image, "JPEG", exif=exif, **icc),
            encoded(image, "JPEG", progressive=True),
            encoded(image.convert("CMYK"), "JPEG"),
            encoded(image, "MPO", save_all=True, append_images=[other]),
            encoded(image, "JPEG")[:-2],
        ],
        "PNG": [
            png(wide, (b"cICP", bytes((9, 16, 0, 1))), gamma),
            png(noise, gamma, (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0<x/>")),
            encoded(image.quantize(9), "PNG", transparency=3),
            encoded(white, "PNG", **fading),
            encoded(image, "PNG", **icc),
        ],
        "WEBP": [
            encoded(image, "WEBP", exif=exif), encoded(image, "WEBP", lossless=True, **icc),
            encoded(white, "WEBP", **fading),
        ],
        "AVIF": [encoded(image, "AVIF"), encoded(white, "AVIF", **fading)],
        "HEIF": [encoded(image, "HEIF"), encoded(image, "HEIF", **moving)],
        "BMP": [
            encoded(image, "BMP"), encoded(image.quantize(9), "BMP"),
            bmp(noise[..., 0].astype(np.uint32), (0x3FF00000, 0xFFC00, 0x3FF, 0xC0000000)),
            bmp(noise[..., 0].astype(np.uint32), (0xF00, 0xF0, 0xF), 40, 16),
        ],
        "TIFF": [
            encoded(image, "TIFF", compression="tiff_lzw"),
            encoded(image, "TIFF", compression="jpeg"),
            encoded(white, "TIFF", **fading),
            tiff((noise / 255).astype("<f4").tobytes(), size, 3, 32, 2, 3),
            tiff(packed(noise.astype(np.uint16) << 4, 12), size, 3, 12, 2),
            tiff([*map(bytes, wide.transpose(2, 0, 1))], size, 3, 16, 2, planes=2),
            tiff(zlib.compress((noise / 255).astype(">f8").tobytes()), size, 3, 64, 2, 3, order=">",
                 tag_259=8),
        ],
        "GIF": [encoded(image, "GIF"), encoded(white, "GIF", **fading)],
    }  # fmt: skip


def _profile():
    from PIL import ImageCms

    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def files():
    """(name, bytes) of all files."""
    chance = np.random.default_rng(11)
    valid = seeds()
    for kind, kinds in valid.items():
        for number, data in enumerate(kinds):
            yield f"{kind} {number} as it is", data
        for number in range(MUTANTS):
            yield f"{kind} mutant {number}", _mutant(kinds[number % len(kinds)], chance)
        for number in range(CUTS):
            data = kinds[number % len(kinds)]
            yield f"{kind} cut {number}", data[: int(chance.integers(3, len(data)))]
        for number in range(SPLICES):
            head = kinds[number % len(kinds)]
            tail = valid[FORMATS[int(chance.integers(len(FORMATS)))]][0]
            place = int(chance.integers(4, len(head)))
            yield f"{kind} splice {number}", head[:place] + tail[int(chance.integers(len(tail))) :]
    yield from bombs()


def _mutant(data, chance):
    """A file with some bits turned, a block erased, or numbers in its head that are lies."""
    changed = bytearray(data)
    way = int(chance.integers(5))
    # Heads are where the harm is done.
    end = len(changed) if way == 0 else min(len(changed), 400)
    for _ in range(int(chance.integers(1, 6))):
        place = int(chance.integers(4, end))
        if way <= 1:
            changed[place] ^= 1 << int(chance.integers(8))
        elif way == 2:
            changed[place : place + 16] = bytes([int(chance.choice([0, 255]))]) * 16
        elif way == 3:
            lie = LIES[int(chance.integers(len(LIES)))]
            order, width = chance.choice(["<", ">"]), int(chance.choice([2, 4]))
            body = struct.pack(order + "I", lie)
            changed[place : place + width] = body[:width] if order == "<" else body[-width:]
        else:
            del changed[place : place + int(chance.integers(1, 9))]
    if data.startswith(b"\x89PNG") and way != 1:
        return _with_right_checksums(bytes(changed))
    return bytes(changed)


def _with_right_checksums(data):
    """A PNG whose lies are not seen by its checksums."""
    place, mended = 8, data[:8]
    while place + 12 <= len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        if place + 12 + length > len(data):
            break
        mended += png_chunk(data[place + 4 : place + 8], data[place + 8 : place + 8 + length])
        place += 12 + length
    return mended + data[place:]


def bombs():
    """(name, bytes) of small files that promise, or unpack to, very much."""
    image = Image.new("RGB", (16, 16))
    start = b"\x89PNG\r\n\x1a\n"

    def header(width, height, depth=8, colour=2):
        body = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
        return start + png_chunk(b"IHDR", body)

    rows = png_chunk(b"IDAT", zlib.compress(bytes(50_000_000), 9)) + png_chunk(b"IEND", b"")
    yield "png of 3.6 gigapixels", header(60_000, 60_000) + rows
    yield "png with more rows than it has", header(16, 16) + rows
    yield "png of one row of 50 million", header(50_000_000, 1) + rows
    for name in (b"zTXt", b"iTXt", b"iCCP"):
        middle = b"a\0\0" if name != b"iTXt" else b"XML:com.adobe.xmp\0\1\0\0\0"
        body = middle + zlib.compress(bytes(100_000_000), 9)
        yield (
            f"png with {name.decode()} of 100 MB",
            png(np.zeros((4, 4, 3), np.uint8), (name, body)),
        )
    yield "png of 50,000 chunks", png(np.zeros((4, 4, 3), np.uint8), *[(b"tEXt", b"a\0b")] * 50_000)
    gif = bytearray(encoded(image, "GIF"))
    gif[6:10] = b"\xff\xff\xff\xff"
    yield "gif on a screen of 4 gigapixels", bytes(gif)
    yield (
        "gif of 20,000 empty frames",
        (
            encoded(image, "GIF")[:-1]
            + (b"!\xf9\x04\0\0\0\0\0" + b",\0\0\0\0\1\0\1\0\0\2\2\x44\1\0") * 20_000
            + b";"
        ),
    )
    webp = bytearray(encoded(image, "WEBP"))
    webp[26:30] = b"\xff\x3f\xff\x3f"
    yield "webp of 268 megapixels", bytes(webp)
    avif = encoded(image, "AVIF")
    place = avif.index(b"ispe") + 8
    for side in (20_000, 2**31, 2**32 - 1):
        yield (
            f"avif of {side} a side",
            avif[:place] + struct.pack(">II", side, side) + avif[place + 8 :],
        )
    for side in (1_400, 20_000, 2**31 - 1):
        yield (
            f"bmp of {side} a side",
            (
                encoded(image, "BMP")[:18]
                + struct.pack("<ii", side, side)
                + encoded(image, "BMP")[26:]
            ),
        )
        packed_rows = zlib.compress(bytes(20_000_000), 9)
        for bits in (8, 32, 64):
            kind = 3 if bits > 16 else 1
            yield (
                f"tiff of {side} a side, {bits} bits",
                tiff(packed_rows, (side, side), 3, bits, 2, kind, tag_259=8),
            )
    yield (
        "tiff of one strip, said to be 65,535 high",
        tiff(zlib.compress(bytes(9_000)), (16, 16), 3, 32, 2, 3, tag_278=65_535, tag_259=8),
    )
    loop = bytearray(tiff(bytes(768), (16, 16), 3, 8, 2))
    after = 8 + 2 + 12 * int.from_bytes(loop[8:10], "little")
    loop[after : after + 4] = struct.pack("<I", 8)
    yield "tiff whose pages go round", bytes(loop)
    chain = bytearray(b"II*\0\x08\0\0\0")
    for _ in range(20_000):
        chain += struct.pack("<HHHIII", 1, 256, 4, 1, 16, len(chain) + 18)
    yield "tiff of 20,000 pages", bytes(chain)
    many = struct.pack("<HHII", 256, 4, 2**30, 8) * 3_000
    yield (
        "tiff of 3,000 tags with a billion values",
        b"II*\0\x08\0\0\0" + struct.pack("<H", 3_000) + many,
    )
    yield (
        "heic of boxes in boxes",
        b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0\0\0\x08meta" * 9_000,
    )
    jpeg = encoded(image, "JPEG")
    yield "jpeg of 100,000 comments", jpeg[:2] + b"\xff\xfe\0\x04aa" * 100_000 + jpeg[2:]
    yield "jpeg of 100,000 pictures", jpeg * 5_000
    large = bytearray(jpeg)
    place = large.index(b"\xff\xc0") + 5
    large[place : place + 4] = b"\xff\xff\xff\xff"
    yield "jpeg of 4 gigapixels", bytes(large)


def main():
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    warnings.filterwarnings("ignore")
    from deepfake import imaging
    from deepfake.errors import ImageError
    from deepfake.settings import Settings

    settings = Settings(max_pixels=2_000_000, decoders=int(sys.argv[1]) if sys.argv[1:] else 0)
    sys.stdout = io.TextIOWrapper(os.fdopen(sys.stdout.fileno(), "wb", 0), write_through=True)
    for name, data in files():
        print(json.dumps({"begins": name}))
        try:
            said = {"notes": imaging.read(data, settings).notes}
        except ImageError as error:
            said = {"error": str(error)}
        print(json.dumps({"name": name, **said}))
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({"cpu": used.ru_utime + used.ru_stime, "memory": used.ru_maxrss * 1024}))


if __name__ == "__main__":
    main()
