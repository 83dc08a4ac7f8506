import io

import numpy as np
import pytest
from PIL import Image

from deepfake import imaging
from deepfake.errors import ImageError
from tests.imaging.files import encoded, packed, tiff

cv2 = pytest.importorskip("cv2")
COLOURS = np.random.default_rng(3).integers(0, 256, (37, 53, 3), np.uint8)
GREY = COLOURS[..., 0]
SIZE = (53, 37)


def as_read(data):
    return imaging.read(data).pixels.astype(int)


def off(data, expected):
    expected = expected if expected.ndim == 3 else np.dstack([expected] * 3)
    return np.abs(as_read(data) - expected).max()


DEEP = COLOURS.astype(np.uint16) * 257
INVERTED = 65535 - GREY.astype(np.uint16) * 257
LIGHT = COLOURS / 255


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("layout", "expected"),
    [
        pytest.param(("u2", [*DEEP.transpose(2, 0, 1)], 3, 16, 2, 1, 2), COLOURS, id="planes"),
        pytest.param(("u2", [INVERTED], 1, 16, 0, 1, 1), GREY, id="WhiteIsZero"),
        pytest.param(("f4", [LIGHT], 3, 32, 2, 3, 1), COLOURS, id="float RGB"),
        pytest.param(("f8", [LIGHT], 3, 64, 2, 3, 1), COLOURS, id="64-bit RGB"),
        pytest.param(("f8", [LIGHT[..., 0]], 1, 64, 1, 3, 1), GREY, id="64-bit grey"),
        pytest.param(("f2", [LIGHT[..., 0]], 1, 16, 1, 3, 1), GREY, id="half"),
        pytest.param(("f4", [1 - LIGHT[..., 0]], 1, 32, 0, 3, 1), GREY, id="inverted float"),
        pytest.param(("u4", [GREY], 1, 32, 1, 1, 1), GREY, id="8 bits in 32"),
        pytest.param(("f4", [GREY], 1, 32, 1, 3, 1), GREY, id="float in 0..255"),
        pytest.param(("f4", [GREY * 257.0], 1, 32, 1, 3, 1), GREY, id="float in 0..65535"),
    ],
)  # fmt: skip
def test_samples_of_every_kind_keep_their_brightness(layout, expected, order):
    kind, planes, samples, bits, photometric, sample_format, planar = layout
    strips = [plane.astype(order + kind).tobytes() for plane in planes]
    data = tiff(strips, SIZE, samples, bits, photometric, sample_format, planar, order)
    assert off(data, expected) <= 1


@pytest.mark.parametrize("bits", [9, 10, 12, 14])
def test_packed_bits_are_no_darker(bits):
    wide = COLOURS.astype(np.uint16) << (bits - 8)
    assert off(tiff(packed(wide, bits), SIZE, 3, bits, 2), COLOURS) == 0
    assert off(tiff(packed(wide[..., 0], bits), SIZE, 1, bits, 1), GREY) == 0


@pytest.mark.parametrize("bits", [1, 2, 4, 5, 6])
def test_bits_that_pillow_has_no_mode_for_are_read(bits):
    few = COLOURS >> (8 - bits)
    exact = np.rint(few * (255 / (2**bits - 1)))
    assert off(tiff(packed(few, bits), SIZE, 3, bits, 2), exact) == 0
    assert off(tiff(packed(few[..., 0], bits), SIZE, 1, bits, 1), exact[..., 0]) == 0


@pytest.mark.parametrize(("samples", "photometric"), [(1, 1), (3, 2)])
def test_twelve_bits_in_sixteen_are_no_darker_where_the_file_says_so(samples, photometric):
    wide = (COLOURS[..., :samples].astype("<u2") << 4).tobytes()
    told = imaging.read(tiff(wide, SIZE, samples, 16, photometric, tag_281=4095))
    assert np.array_equal(told.pixels[..., :samples], COLOURS[..., :samples])
    assert any("use only 12" in note for note in told.notes)
    # Pixels that are brighter know better.
    full = tiff(DEEP[..., :samples].tobytes(), SIZE, samples, 16, photometric, tag_281=32767)
    assert off(full, COLOURS if samples == 3 else GREY) <= 1
    # The brightest value of a dark picture says nothing of the kind.
    dark = imaging.read(tiff(wide, SIZE, samples, 16, photometric, tag_281=4080))
    assert dark.pixels.max() == 15


@pytest.mark.parametrize("compression", [1, 5, 8, 32773])
@pytest.mark.parametrize("predictor", [1, 2, 3])
@pytest.mark.parametrize("kind", ["uint16", "float32", "float64"])
def test_reads_what_opencv_writes_as_opencv_does(compression, predictor, kind):
    wide = (DEEP if kind == "uint16" else LIGHT).astype(kind)
    options = [cv2.IMWRITE_TIFF_COMPRESSION, compression, cv2.IMWRITE_TIFF_PREDICTOR, predictor]
    ok, data = cv2.imencode(".tif", np.ascontiguousarray(wide[..., ::-1]), options)
    back = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if ok else None
    if back is None or not np.allclose(back[..., ::-1], wide):
        pytest.skip("OpenCV does not write this combination")
    assert off(data.tobytes(), COLOURS) <= 1


def test_differences_that_run_lengths_were_made_of_are_added_up():
    steps = np.diff(DEEP.astype("<u2"), axis=1, prepend=np.zeros_like(DEEP[:, :1]))
    rows = [row.astype("<u2").tobytes() for row in steps]
    # PackBits: how many bytes follow, less one, and these.
    pieces = [row[i : i + 128] for row in rows for i in range(0, len(row), 128)]
    strip = b"".join(bytes([len(piece) - 1]) + piece for piece in pieces)
    assert off(tiff(strip, SIZE, 3, 16, 2, tag_259=32773, tag_317=2), COLOURS) <= 1


def test_of_what_is_not_compressed_no_differences_were_taken():
    rows = DEEP.astype("<u2").tobytes()
    assert off(tiff(rows, SIZE, 3, 16, 2, tag_317=2), COLOURS) <= 1
    planes = [np.ascontiguousarray(DEEP[..., i]).astype("<u2").tobytes() for i in range(3)]
    assert off(tiff(planes, SIZE, 3, 16, 2, planes=2, tag_317=2), COLOURS) <= 1


def test_floating_highlights_are_cut_off_and_said():
    light = (LIGHT[..., 0] * 1.2).astype("<f4")
    light[0, 0], light[0, 1] = np.inf, np.nan
    picture = imaging.read(tiff(light.tobytes(), SIZE, 1, 32, 1, 3))
    assert np.abs(picture.pixels[1:, :, 0] - np.clip(LIGHT[1:, :, 0] * 306, 0, 255)).max() <= 1
    assert picture.pixels[0, 0, 0] == 255 and picture.pixels[0, 1, 0] == 0
    assert any("no finite numbers" in note for note in picture.notes)
    percent = imaging.read(tiff((LIGHT * 100).astype("<f4").tobytes(), SIZE, 3, 32, 2, 3))
    assert any("255 was taken for white" in note for note in percent.notes)
    bright = imaging.read(tiff((LIGHT * 1.2).astype("<f4").tobytes(), SIZE, 3, 32, 2, 3))
    assert any("was cut off" in note for note in bright.notes)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(tiff(GREY.astype("<i2").tobytes(), SIZE, 1, 16, 1, 2), "signed", id="signed"),
        pytest.param(
            tiff((GREY * 3.0).astype("<f4").tobytes(), SIZE, 1, 32, 1, 3), "floating", id="range"
        ),
        pytest.param(
            tiff((GREY / 127.5 - 1.0).astype("<f4").tobytes(), SIZE, 1, 32, 1, 3),
            "which one is black", id="around 0",
        ),
        pytest.param(
            tiff((DEEP.astype("<u4") * 60_000).tobytes(), SIZE, 3, 32, 2), "32-bit", id="32 bits"
        ),
        pytest.param(tiff(b"RIFF", SIZE, 3, 8, 2, tag_259=50001), "with WebP", id="WebP"),
        pytest.param(tiff(DEEP.tobytes(), SIZE, 1, 16, 32803), "raw data", id="raw"),
        pytest.param(tiff(DEEP.tobytes(), SIZE, 3, 16, 8), "layout", id="Lab of 16 bits"),
        pytest.param(tiff(DEEP.tobytes()[:500], SIZE, 1, 16, 0), "cut off", id="cut off"),
        pytest.param(b"MM\0+" + bytes(60), "kind of TIFF", id="big file of a big-endian machine"),
    ],
)  # fmt: skip
def test_what_cannot_be_known_or_read_is_refused_for_what_it_is(data, expected):
    with pytest.raises(ImageError, match=expected):
        imaging.read(data)


def test_alpha_and_orientation_of_deep_files_count():
    wide = np.dstack([DEEP, np.zeros_like(DEEP[..., :1])]).astype("<f4") / 65535
    wide[: SIZE[1] // 2, :, 3] = 1
    data = tiff(wide.tobytes(), SIZE, 4, 32, 2, 3, tag_338=2, tag_274=3)
    pixels = as_read(data)
    assert np.abs(pixels[-10:] - COLOURS[:10, ::-1][::-1]).max() <= 1
    assert pixels[0].min() == 255


def test_the_largest_page_is_looked_at_and_said():
    thumbnail = Image.new("RGB", (13, 9), "white")
    photo = Image.fromarray(COLOURS)
    picture = imaging.read(encoded(thumbnail, "TIFF", save_all=True, append_images=[photo]))
    assert np.array_equal(picture.pixels, COLOURS)
    assert any("page 2" in note for note in picture.notes)


def test_of_pages_that_are_empty_the_next_that_shows_something_is_looked_at():
    """A scanner writes an empty cover, of the size of the photo behind it."""
    white, photo = Image.new("RGB", COLOURS.shape[1::-1], "white"), Image.fromarray(COLOURS)
    thumbnail = photo.resize((9, 7))
    pages = {"save_all": True, "append_images": [thumbnail, white, photo]}
    picture = imaging.read(encoded(white, "TIFF", **pages))
    assert np.array_equal(picture.pixels, COLOURS)
    assert picture.notes == ("The largest page is empty; page 4 was looked at.",)
    # Where all are empty, or what is behind them is damaged, the first stays.
    empty = encoded(white, "TIFF", save_all=True, append_images=[white])
    picture = imaging.read(empty)
    assert (picture.pixels == 255).all() and "Only the first" in picture.notes[0]


def test_a_tiff_whose_tags_are_missing_is_said_to_be_cut_off():
    """Programs that compress write them last, so half a download has none."""
    whole = encoded(Image.fromarray(COLOURS), "TIFF", compression="tiff_lzw")
    with pytest.raises(ImageError, match="cut off before its end"):
        imaging.read(whole[: int.from_bytes(whole[4:8], "little") - 2])


def test_a_preview_of_raw_data_is_said_to_be_one():
    data = tiff(COLOURS.tobytes(), SIZE, 3, 8, 2, tag_254=1)
    assert any("preview" in note for note in imaging.read(data).notes)


def test_what_pillow_would_read_wrongly_is_not_taken_over_from_it():
    data = tiff(INVERTED.astype("<u2").tobytes(), SIZE, 1, 16, 0)
    with pytest.raises(ImageError, match="path"):
        imaging.Picture.from_image(Image.open(io.BytesIO(data)))


def test_libtiff_keeps_its_opinions_to_itself(capfd):
    data = encoded(Image.fromarray(COLOURS), "TIFF", compression="tiff_lzw")
    with pytest.raises(ImageError):
        imaging.read(data[:8] + bytes(reversed(data[8:400])) + data[400:])
    assert capfd.readouterr().err == ""
