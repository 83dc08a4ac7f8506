"""Tags that would become far more than they are."""

import io
import struct
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from deepfake import imaging, provenance
from deepfake.errors import ImageError
from tests.imaging.files import encoded

NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))
COUNT = 1500


def directory(count, size, place):
    """Private tags that all claim the same bytes."""
    rows = (struct.pack("<HHII", 40_000 + i, 7, size, place) for i in range(count))
    return struct.pack("<H", count) + b"".join(rows) + bytes(4)


def exif(count, size):
    table = 8 + 2 + 12 * count + 4
    return b"II*\0\x08\0\0\0" + directory(count, size, table) + bytes(size)


def tiff():
    pixels = bytes(16 * 16) + bytes(200_000)
    own = {256: 16, 257: 16, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: 16, 279: 256}
    rows = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in own.items())
    more = directory(COUNT, len(pixels), 8)[2:]
    count = struct.pack("<H", len(own) + COUNT)
    return b"II*\0" + struct.pack("<I", 8 + len(pixels)) + pixels + count + rows + more


def jpeg_in_pieces(before=b""):
    """As Pillow joins them: one block over several segments, behind markers without a length."""
    block, plain = exif(COUNT, 150_000), encoded(NOISE, "JPEG")
    parts = [b"Exif\0\0" + block[i : i + 60_000] for i in range(0, len(block), 60_000)]
    segments = [b"\xff\xe1" + struct.pack(">H", len(part) + 2) + part for part in parts]
    return plain[:2] + before + b"".join(segments) + plain[2:]


def png_of_imagemagick():
    from PIL.PngImagePlugin import PngInfo

    texts = PngInfo()
    texts.add_text("Raw profile type exif", f"\nexif\n1\n{exif(COUNT, 150_000).hex()}", zip=True)
    return encoded(NOISE, "PNG", pnginfo=texts)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(tiff, id="TIFF"),
        pytest.param(lambda: encoded(NOISE, "PNG", exif=exif(COUNT, 150_000)), id="PNG"),
        pytest.param(lambda: encoded(NOISE, "WEBP", exif=exif(COUNT, 150_000)), id="WebP"),
        pytest.param(lambda: encoded(NOISE, "AVIF", exif=exif(COUNT, 150_000)), id="AVIF"),
        pytest.param(jpeg_in_pieces, id="JPEG"),
        pytest.param(lambda: jpeg_in_pieces(b"\xff\xd0"), id="JPEG behind a restart"),
        pytest.param(lambda: jpeg_in_pieces(b"\xff\xff\xff"), id="JPEG behind filling"),
        pytest.param(png_of_imagemagick, id="PNG of ImageMagick"),
    ],
)
def test_tags_that_all_claim_the_same_bytes_fill_no_memory(data):
    data = data()
    tracemalloc.start()
    try:
        try:
            # Of some the pixels may be had without them, and then it is said.
            assert "EXIF" in str(imaging.read(data).notes)
        except ImageError as error:
            assert "name the same bytes again and again" in str(error)
        assert provenance.read(data).notes == ("Metadata of the file could not be read.",)
        assert tracemalloc.get_traced_memory()[1] < 30e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("before", [b"\xff\xd9", b"\xff\x00", b"\xff\xd8\xff\xd9"])
def test_an_odd_marker_before_the_picture_hides_no_tags(before):
    data = jpeg_in_pieces(before)
    tracemalloc.start()
    try:
        with pytest.raises(ImageError):
            imaging.read(data)
        assert tracemalloc.get_traced_memory()[1] < 30e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
def test_tags_of_cameras_are_read(kind):
    tags = Image.Exif()
    tags[0x0112], tags[0x010F] = 6, "Maker"
    tags.get_ifd(0x8769)[0x927C] = bytes(40_000)
    data = io.BytesIO()
    NOISE.resize((64, 32)).save(data, kind, exif=tags)
    picture = imaging.read(data.getvalue())
    assert (picture.width, picture.height, picture.notes) == (32, 64, ())
    assert provenance.read(data.getvalue()).metadata.camera == "Maker"
