"""Valid files that decoders call damaged, and what stands in them beside the picture."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from deepfake import imaging
from deepfake.errors import ImageError
from deepfake.settings import Settings
from tests.conftest import EXAMPLES
from tests.imaging.files import bmp, encoded, png, png_chunk

ACROSS, DOWN = np.meshgrid(np.arange(0, 240, 4), np.arange(0, 160, 4))
SMOOTH = np.dstack([ACROSS, DOWN, np.full_like(DOWN, 90)]).astype(np.uint8)
IMAGE = Image.fromarray(SMOOTH)


LONG_TEXT = PngImagePlugin.PngInfo()
LONG_TEXT.add_text("workflow", "x" * 3_000_000, zip=True)


@pytest.mark.parametrize(
    ("data", "note"),
    [
        pytest.param(encoded(IMAGE, "PNG", pnginfo=LONG_TEXT), "", id="long text"),
        pytest.param(png(SMOOTH, (b"tEXt", b"a\0b", 7)), "tEXt", id="checksum of a text"),
        pytest.param(png(SMOOTH, (b"gAMA", b"\0\0", None)), "gAMA", id="short gAMA"),
        pytest.param(png(SMOOTH, (b"iCCP", b"a\0\0nothing")), "iCCP", id="profile not packed"),
        pytest.param(
            png(SMOOTH, (b"iCCP", b"a\0\0" + zlib.compress(bytes(2_000_000)))), "iCCP", id="bomb"
        ),
        pytest.param(
            png(SMOOTH, *[(b"a%c%cA" % (97 + i // 26, 97 + i % 26), b"", 7) for i in range(600)]),
            "(aaaA, aabA, aacA, aadA, aaeA, …) and were left out", id="many checksums",
        ),
        pytest.param(png(SMOOTH, (b"a\x1bcA", b"", 7)), "(?) and were left out", id="no name"),
    ],
)  # fmt: skip
def test_what_stands_beside_a_png_does_not_spoil_it(data, note):
    picture = imaging.read(data)
    assert np.array_equal(picture.pixels, SMOOTH)
    assert [note in said for said in picture.notes] == [True] * bool(note)


def test_a_png_still_needs_whole_pixels():
    with pytest.raises(ImageError, match="damaged"):
        imaging.read(png(SMOOTH).replace(b"IDAT", b"IDAT\0", 1))


def test_an_orientation_in_texts_still_counts():
    xmp = b'XML:com.adobe.xmp\0\0\0\0\0<x tiff:Orientation="6"/>'
    picture = imaging.read(png(SMOOTH, (b"iTXt", xmp)))
    assert (picture.width, picture.height) == (40, 60)
    exif = Image.Exif()
    exif[0x0112] = 6
    body = exif.tobytes()
    raw = b"Raw profile type exif\0\0" + zlib.compress(b"\nexif\n%8d\n%s\n" % (
        len(body), body.hex().encode()
    ))  # fmt: skip
    picture = imaging.read(png(SMOOTH, (b"zTXt", raw)))
    assert (picture.width, picture.height) == (40, 60)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"quality": 95, "subsampling": 0}])
def test_a_jpeg_that_lacks_only_its_end_is_read_and_said(options):
    data = encoded(IMAGE, "JPEG", **options)
    picture = imaging.read(data[:-2])
    assert np.array_equal(picture.pixels, imaging.read(data).pixels)
    assert any("lacks its end" in note for note in picture.notes)
    for missing in (12, 60, 200):
        with pytest.raises(ImageError, match="cut off"):
            imaging.read(data[:-missing])


def test_a_jpeg_of_twelve_bits_is_not_called_damaged():
    data = bytearray(encoded(IMAGE, "JPEG"))
    data[data.index(b"\xff\xc0") + 4] = 12
    with pytest.raises(ImageError, match="12 bits"):
        imaging.read(bytes(data))


def test_what_looks_like_a_head_within_the_pixels_is_none():
    data = encoded(IMAGE, "JPEG")
    place = data.index(b"\xff\xda") + 40
    with pytest.raises(ImageError, match=r"damaged|cut off"):
        imaging.read(data[:place] + b"\xff\xc5\x00\x08\x0c" + data[place + 5 :])


def test_a_gain_map_is_no_rest_of_the_file():
    small = IMAGE.convert("L").resize((15, 10)).convert("RGB")
    data = encoded(IMAGE, "MPO", save_all=True, append_images=[small])
    (note,) = imaging.read(data).notes
    assert "second picture" in note
    notes = imaging.read(data + b"PK\x03\x04 hidden").notes
    assert len(notes) == 2 and "goes on for 11 bytes" in notes[1]


def values(masks, bits):
    """COLOURS of a bitmap, as whole numbers in which the masks say what is what."""
    whole = np.zeros(SMOOTH.shape[:2], np.uint64)
    for channel, mask in enumerate(masks[:3]):
        shift = (mask & -mask).bit_length() - 1
        highest = mask >> shift
        whole |= np.round(SMOOTH[..., channel] / 255 * highest).astype(np.uint64) << shift
    return whole


@pytest.mark.parametrize(
    ("masks", "bits", "header", "bound"),
    [
        pytest.param((0x3FF00000, 0xFFC00, 0x3FF), 32, 40, 1, id="10 bits each"),
        pytest.param((0xFF, 0xFF00, 0xFF0000), 32, 40, 0, id="blue first"),
        pytest.param((0xF00, 0xF0, 0xF, 0), 16, 108, 9, id="4 bits each"),
        pytest.param((0xF800, 0x7E0, 0x1F), 16, 40, 5, id="565"),
    ],
)
def test_bit_fields_of_bitmaps_are_read(masks, bits, header, bound):
    picture = imaging.read(bmp(values(masks, bits), masks, header, bits))
    assert np.abs(picture.pixels.astype(int) - SMOOTH).max() <= bound


def test_alpha_that_is_zero_everywhere_hides_nothing():
    masks = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    whole = values(masks, 32)
    assert np.array_equal(imaging.read(bmp(whole, masks)).pixels, SMOOTH)
    whole[:20] |= np.uint64(0xFF000000)
    hidden = io.BytesIO(bmp(values(masks, 32), masks))
    assert np.array_equal(imaging.Picture.from_image(Image.open(hidden)).pixels, SMOOTH)
    half = imaging.read(bmp(whole, masks)).pixels
    assert np.array_equal(half[:20], SMOOTH[:20]) and half[20:].min() == 255


def test_a_very_large_avif_is_too_large_and_not_damaged():
    data = encoded(IMAGE, "AVIF")
    place = data.index(b"ispe") + 8
    large = data[:place] + struct.pack(">II", 40_000, 40_000) + data[place + 8 :]
    with pytest.raises(ImageError, match="1600 megapixels"):
        imaging.read(large, Settings())


WHITE = Image.new("RGB", IMAGE.size, "white")
FIRST_EMPTY = [
    pytest.param("GIF", {}, id="GIF"),
    pytest.param("WEBP", {"lossless": True}, id="WebP"),
    pytest.param("PNG", {}, id="APNG"),
    pytest.param("PNG", {"default_image": True}, id="APNG with a picture before it"),
    pytest.param("AVIF", {"quality": 95}, id="AVIF"),
]


@pytest.mark.parametrize(("kind", "options"), FIRST_EMPTY)
def test_the_first_frame_that_shows_something_is_looked_at(kind, options):
    faint = Image.blend(WHITE, IMAGE, 0.01)
    data = encoded(WHITE, kind, save_all=True, append_images=[faint, IMAGE, WHITE], **options)
    picture = imaging.read(data)
    assert np.abs(picture.pixels.astype(int) - SMOOTH).mean() < 12
    assert any("first 2 frames are empty; frame 3" in note for note in picture.notes)


def test_a_progressive_jpeg_that_ends_between_two_scans_is_not_called_whole():
    photo = Image.open(EXAMPLES / "grace_hopper.jpg")
    whole = encoded(photo, "JPEG", progressive=True, quality=80)
    # Without its end mark alone it is whole, and says so.
    assert "all of its pixels" in imaging.read(whole[:-2]).notes[0]
    scans = [place for place in range(len(whole)) if whole.startswith(b"\xff\xda", place)]
    assert len(scans) > 5
    for place in (scans[1], scans[4], scans[-1]):
        with pytest.raises(ImageError, match=r"cut off|damaged|incomplete"):
            imaging.read(whole[:place])


def test_of_deep_grey_one_value_may_be_transparent():
    values = np.tile(np.array([1000, 40_000], np.uint16), (20, 10))
    grey = Image.fromarray(values)
    picture = imaging.read(encoded(grey, "PNG", transparency=1000))
    assert picture.pixels[0, 0].tolist() == [255] * 3
    assert picture.pixels[0, 1, 0] == pytest.approx(40_000 / 257, abs=1)


def test_frames_that_are_all_empty_are_not_looked_through_without_end():
    others = [Image.new("RGB", IMAGE.size, (255, 255, 255 - i % 2)) for i in range(80)]
    data = encoded(WHITE, "GIF", save_all=True, append_images=[*others, IMAGE])
    assert imaging.read(data).pixels.min() == 255
    few = Settings(max_pixels=IMAGE.width * IMAGE.height)
    picture = imaging.read(encoded(WHITE, "GIF", save_all=True, append_images=[IMAGE]), few)
    assert picture.pixels.min() == 255 and any("Only the first" in note for note in picture.notes)


def test_a_frame_of_one_colour_alone_is_a_picture():
    assert imaging.read(encoded(WHITE, "GIF")).notes == ()


def test_pillow_agrees_where_it_reads_the_same():
    data = png(SMOOTH)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))), imaging.read(data).pixels)
    assert png_chunk(b"IEND", b"") in data
