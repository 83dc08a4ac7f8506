import io
import struct
import sys
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from deepfake import imaging
from deepfake.errors import ImageError
from deepfake.settings import Settings

RED, BLUE = (220, 30, 40), (20, 60, 230)


def halves(mode="RGB", size=(64, 48)):
    """Left half red, right half blue."""
    image = Image.new("RGB", size, RED)
    image.paste(BLUE, (size[0] // 2, 0, *size))
    return image.convert(mode)


def encoded(image, kind, **options):
    data = io.BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()


def left_and_right(picture):
    width = picture.width
    return (
        picture.pixels[:, : width // 2 - 4].reshape(-1, 3).mean(axis=0),
        picture.pixels[:, width // 2 + 4 :].reshape(-1, 3).mean(axis=0),
    )


def png_chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_header_only(width, height):
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(b"\0" * 1000)
    chunks = ((b"IHDR", header), (b"IDAT", rows), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "HEIF", "BMP", "TIFF", "GIF"])
def test_reads_every_promised_format(kind):
    if kind == "HEIF":
        import pillow_heif

        pillow_heif.register_heif_opener()
    picture = imaging.read(encoded(halves(), kind))
    left, right = left_and_right(picture)
    assert picture.format == kind
    assert (picture.width, picture.height) == (64, 48)
    assert np.abs(left - RED).max() < 16
    assert np.abs(right - BLUE).max() < 16


def test_without_its_package_a_heic_gets_a_sentence(monkeypatch):
    import pillow_heif

    pillow_heif.register_heif_opener()
    data = encoded(halves(), "HEIF")
    monkeypatch.setitem(sys.modules, "pi_heif", None)
    with pytest.raises(ImageError, match="Send the photo as a JPEG"):
        imaging.read(data)


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("CMYK", "JPEG"), ("CMYK", "TIFF"), ("P", "PNG"), ("RGBA", "PNG"), ("LAB", "TIFF")],
)
def test_reads_every_colour_mode(mode, kind):
    image = halves().convert("RGB")
    if mode == "LAB":
        profiles = [ImageCms.createProfile(name) for name in ("sRGB", "LAB")]
        image = ImageCms.profileToProfile(image, *profiles, outputMode="LAB")
    else:
        image = image.convert(mode)
    left, right = left_and_right(imaging.read(encoded(image, kind)))
    assert left[0] > left[2] + 60
    assert right[2] > right[0] + 60


@pytest.mark.parametrize(
    "array",
    [
        pytest.param(np.full((8, 8), 128 * 257, np.uint16), id="16-bit"),
        pytest.param(np.full((8, 8), 128, np.uint8), id="8-bit"),
        pytest.param(np.full((8, 8), 128 / 255, np.float32), id="float"),
    ],
)
def test_greys_of_any_depth_keep_their_brightness(array):
    picture = imaging.read(encoded(Image.fromarray(array), "TIFF"))
    assert np.abs(picture.pixels.astype(int) - 128).max() <= 1


def test_16_bit_png_keeps_its_brightness():
    data = encoded(Image.fromarray(np.full((8, 8), 40_000, np.uint16)), "PNG")
    assert np.abs(imaging.read(data).pixels.astype(int) - 40_000 // 256).max() <= 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turns_pictures_upright(orientation):
    upright = halves(size=(64, 48))
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = upright.transpose(undo[orientation]) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = imaging.read(encoded(stored, "JPEG", exif=exif, quality=95))
    left, right = left_and_right(picture)
    assert (picture.width, picture.height) == (64, 48)
    assert left[0] > 180 and right[2] > 180


def wide_gamut_profile():
    """sRGB's own profile with its red and blue primaries exchanged: visible if it is applied."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    tags = {bytes(data[i : i + 4]): i for i in range(132, 132 + 12 * data[131], 12)}
    red, blue = tags[b"rXYZ"], tags[b"bXYZ"]
    data[red + 4 : red + 12], data[blue + 4 : blue + 12] = (
        data[blue + 4 : blue + 12],
        data[red + 4 : red + 12],
    )
    # Profiles that call themselves sRGB are not converted.
    return bytes(data).replace("sRGB".encode("utf-16-be"), "odd ".encode("utf-16-be"))


def test_odd_exif_does_not_stop_the_turning():
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x011A] = 72.0  # XResolution, a fraction; the type is then changed to text
    data = encoded(halves(size=(64, 48)), "JPEG", exif=exif)
    odd = data.replace(b"\x01\x1a\0\x05", b"\x01\x1a\0\x02").replace(
        b"\x1a\x01\x05\0", b"\x1a\x01\x02\0"
    )
    assert odd != data
    picture = imaging.read(odd)
    assert (picture.width, picture.height) == (48, 64)


def test_avif_under_its_general_brand_is_read():
    data = encoded(halves(), "AVIF").replace(b"ftypavif", b"ftypmif1", 1)
    assert imaging.read(data).format == "AVIF"


def test_motion_photos_are_read_with_a_note():
    jpeg = encoded(halves(), "JPEG")
    picture = imaging.read(jpeg + b"\0\0\0\x18ftypmp42" + b"\xff\xd9\xff\xda" * 300)
    assert any(f"A video of {1212:,} bytes" in note for note in picture.notes)
    samsung = imaging.read(jpeg + b"\0\x00\x30\n\x10\0\0\0MotionPhoto_Data\0\0\0\x18ftypmp42")
    assert any("A video of" in note for note in samsung.notes)


def test_converts_colour_profiles_to_srgb():
    picture = imaging.read(encoded(halves(), "PNG", icc_profile=wide_gamut_profile()))
    left, right = left_and_right(picture)
    assert left[2] > left[0] + 100
    assert right[0] > right[2] + 100


def test_damaged_colour_profile_is_said_and_survived():
    picture = imaging.read(encoded(halves(), "PNG", icc_profile=b"not a profile"))
    assert any("profile" in note for note in picture.notes)
    assert left_and_right(picture)[0][0] > 180


def test_transparent_parts_become_white():
    image = Image.new("RGBA", (10, 10), (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (0, 0, 5, 10))
    picture = imaging.read(encoded(image, "PNG"))
    assert picture.pixels[0, 0].tolist() == [0, 0, 0]
    assert picture.pixels[0, 9].tolist() == [255, 255, 255]


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_first_frame_of_an_animation_is_read_and_said(kind):
    frames = [Image.new("RGB", (20, 20), colour) for colour in (RED, BLUE, (0, 255, 0))]
    picture = imaging.read(
        encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=100)
    )
    assert picture.pixels[0, 0, 0] > 180
    assert any("Only the first frame" in note for note in picture.notes)


def truncated(kind):
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)
    data = encoded(Image.fromarray(noise), kind)
    return data[: len(data) // 2]


def many_scans():
    """A progressive JPEG whose last scan is repeated: each one is a pass over all pixels."""
    data = encoded(Image.new("L", (64, 64), 90), "JPEG", progressive=True)
    start = data.rindex(b"\xff\xda")
    return data[:-2] + data[start:-2] * 200 + data[-2:]


def huge_tile():
    tags = {256: (4, 16), 257: (4, 16), 258: (3, 8), 259: (3, 1), 262: (3, 1), 277: (3, 1),
            322: (4, 60_000), 323: (4, 60_000), 324: (4, 8), 325: (4, 100)}  # fmt: skip
    entries = b"".join(
        struct.pack("<HHII", tag, *kind[:1], 1, kind[1]) for tag, kind in tags.items()
    )
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + b"\0" * 200


PNG_WITH_NO_WIDTH = png_header_only(0, 10)
HOSTILE = {
    "empty": (b"", "empty"),
    "text": (b"hello, I am not a picture\n" * 10, "text file"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'><rect/></svg>", "SVG"),
    "svg with prolog": (b"<?xml version='1.0'?>\n<!-- x --><svg></svg>", "SVG"),
    "html": (b"<!DOCTYPE html><html><body>404</body></html>", "web page"),
    "pdf": (b"%PDF-1.7 \x00\x01", "PDF"),
    "zip": (b"PK\x03\x04" + b"\0" * 40, "ZIP"),
    "git-lfs pointer": (b"version https://git-lfs.github.com/spec/v1\noid", "Git-LFS"),
    "video": (b"\0\0\0\x20ftypisom" + b"\0" * 40, "video"),
    "random bytes": (bytes(range(128, 256)) * 8, "not a picture"),
    "truncated jpeg": (truncated("JPEG"), "cut off"),
    "truncated png": (truncated("PNG"), "cut off|damaged"),
    "truncated webp": (truncated("WEBP"), "cut off|damaged"),
    "truncated avif": (truncated("AVIF"), "cut off|damaged"),
    "truncated bmp": (truncated("BMP"), "cut off|damaged"),
    "truncated gif": (truncated("GIF"), "cut off|damaged"),
    "svg comments that would backtrack for years": (b"<!---->" * 500 + b"x", "text file"),
    "jpeg with 200 scans": (many_scans(), "more than 100 scans"),
    "tiff with a huge tile": (huge_tile(), "tiles|damaged"),
    "text cut within a character": (("a" + "ж" * 5000).encode(), "text file"),
    "only jpeg magic": (b"\xff\xd8\xff", "JPEG"),
    "only png magic": (b"\x89PNG\r\n\x1a\n", "PNG"),
    "zero width": (PNG_WITH_NO_WIDTH, "no pixels|damaged"),
    "bomb by header": (png_header_only(60_000, 60_000), "megapixels|too large"),
    "just over the limit": (png_header_only(8_000, 6_251), "50 megapixels|more than the 50"),
    "gif that is javascript": (b"GIF89a/*" + b"\0" * 20 + b"*/=1;alert(1)//", "damaged|cut off"),
    "32-bit grey": (
        encoded(Image.fromarray(np.full((8, 8), 70_000, np.int32)), "TIFF"),
        "32-bit values",
    ),
    "YCbCr tiff": (encoded(Image.new("YCbCr", (64, 64), (90, 120, 130)), "TIFF"), "YCbCr colours"),
    "bmp that is a script": (b"BM#!/bin/sh\nrm -rf /\n" + b" " * 60, "damaged|cut off"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_get_a_sentence(name):
    data, expected = HOSTILE[name]
    with pytest.raises(ImageError, match=expected) as caught:
        imaging.read(data, Settings())
    message = str(caught.value)
    assert message[0].isupper() and message.endswith(".")


def test_polyglot_is_read_as_the_picture_only_and_said():
    data = encoded(halves(), "JPEG", quality=95) + b"PK\x03\x04" + b"evil" * 100
    picture = imaging.read(data)
    assert any("after the picture" in note for note in picture.notes)
    assert np.array_equal(
        picture.pixels, imaging.read(encoded(halves(), "JPEG", quality=95)).pixels
    )


def test_dimensions_are_checked_before_pixels_are_decoded(monkeypatch):
    monkeypatch.setattr(
        Image.Image, "load", lambda *_: pytest.fail("pixels were decoded before the check")
    )
    with pytest.raises(ImageError, match="megapixels"):
        imaging.read(png_header_only(8_000, 8_000), Settings())


def test_byte_limit_names_the_setting():
    with pytest.raises(ImageError, match="DEEPFAKE_MAX_BYTES"):
        imaging.read(encoded(halves(), "PNG"), Settings(max_bytes=50))


def test_name_and_ending_are_not_believed(tmp_path):
    path = tmp_path / "photo.png"
    path.write_bytes(encoded(halves(), "JPEG"))
    assert imaging.read(path).format == "JPEG"


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        pytest.param(lambda folder: folder / "missing.jpg", "no such file", id="missing"),
        pytest.param(lambda folder: folder, "folder", id="folder"),
        pytest.param(lambda folder: "", "name of the file is empty", id="no name"),
        pytest.param(lambda folder: "bad\0name.jpg", "cannot be opened", id="null byte"),
    ],
)
def test_paths_that_cannot_be_read_get_a_sentence(tmp_path, make, expected):
    with pytest.raises(ImageError, match=expected):
        imaging.read(make(tmp_path))


def test_pictures_refuse_other_arrays():
    with pytest.raises(ImageError, match="uint8"):
        imaging.Picture.from_array(np.zeros((4, 4), np.float32))


def test_a_limit_beyond_any_memory_is_no_error(tmp_path):
    (tmp_path / "a.png").write_bytes(encoded(halves(size=(64, 48)), "PNG"))
    assert imaging.read(tmp_path / "a.png", Settings(max_bytes=10**25)).width == 64


def turned():
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(halves(size=(64, 48)), "JPEG", exif=exif)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(turned(), id="turned"),
        pytest.param(encoded(Image.new("RGBA", (8, 8), (0, 0, 0, 90)), "PNG"), id="transparent"),
        pytest.param(encoded(Image.fromarray(np.full((8, 8), 30_000, np.uint16)), "PNG"), id="16"),
        pytest.param(encoded(Image.new("CMYK", (8, 8), (90, 10, 0, 0)), "JPEG"), id="CMYK"),
    ],
)
def test_what_pillow_opened_looks_like_the_file(data):
    opened = Image.open(io.BytesIO(data))
    assert np.array_equal(imaging.Picture.from_image(opened).pixels, imaging.read(data).pixels)


def test_what_pillow_cannot_read_to_its_end_gets_a_sentence():
    with pytest.raises(ImageError, match="cut off"):
        imaging.Picture.from_image(Image.open(io.BytesIO(truncated("JPEG"))))


def test_what_was_turned_after_opening_is_not_turned_again():
    upright = Image.open(io.BytesIO(turned())).transpose(Image.Transpose.ROTATE_270)
    picture = imaging.Picture.from_image(upright)
    assert (picture.width, picture.height) == upright.size


def test_the_limit_on_pixels_holds_for_what_pillow_opened():
    with pytest.raises(ImageError, match="megapixels"):
        imaging.Picture.from_image(Image.new("RGB", (64, 48)), Settings(max_pixels=64))
