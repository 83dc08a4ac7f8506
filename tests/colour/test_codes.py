"""Pictures whose colours are told by numbers look as they were made to look."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from deepfake import imaging
from tests.colour.test_profiles import with_linear_curves
from tests.imaging.files import encoded, png

# Every mixture of nine steps, as a picture.
STEPS = np.linspace(0, 255, 9).round().astype(np.uint8)
COLOURS = np.stack(np.meshgrid(STEPS, STEPS, STEPS), -1).reshape(27, 27, 3)
# Light in sRGB's primaries → in BT.2020's, after ITU-R BT.2087.
TO_BT2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])
TO_P3 = np.array([[0.8225, 0.1774, 0.0], [0.0332, 0.9669, 0.0], [0.0171, 0.0724, 0.9108]])


P3 = (31_270, 32_900, 68_000, 32_000, 26_500, 69_000, 15_000, 6_000)


def light():
    coded = COLOURS / 255
    return np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)


def pq(nits):
    power = np.clip(nits / 10_000, 0, 1) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375


def hlg(nits):
    luminance = nits @ (0.2627, 0.6780, 0.0593)
    scene = nits / 1000 * (np.maximum(luminance, 1e-9) / 1000)[..., None] ** (1 / 1.2 - 1)
    low = np.sqrt(3 * scene)
    high = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    return np.where(scene <= 1 / 12, low, high)


def srgb(values):
    return np.where(values <= 0.0031308, values * 12.92, 1.055 * values ** (1 / 2.4) - 0.055)


def steps(values):
    return np.round(np.clip(values, 0, 1) * 255).astype(np.uint8)


def deep(values):
    return np.round(np.clip(values, 0, 1) * 65_535).astype(np.uint16)


def gamma(value):
    return b"gAMA", struct.pack(">I", value)


def cicp(primaries, transfer):
    return b"cICP", bytes((primaries, transfer, 0, 1))


def off(data, dark=0):
    """Mean difference in steps, of pixels that are not too dark for eight bits."""
    difference = np.abs(imaging.read(data).pixels.astype(int) - COLOURS)
    return difference[COLOURS.min(axis=2) >= dark].mean()


@pytest.mark.parametrize(
    ("data", "dark", "bound"),
    [
        pytest.param(png(deep(pq(203 * light() @ TO_BT2020.T)), cicp(9, 16)), 0, 2, id="PQ"),
        pytest.param(png(deep(hlg(203 * light() @ TO_BT2020.T)), cicp(9, 18)), 0, 2, id="HLG"),
        pytest.param(png(steps(srgb(light() @ TO_P3.T)), cicp(12, 13)), 0, 1, id="Display P3"),
        pytest.param(png(steps(light()), cicp(1, 8)), 60, 1.5, id="linear"),
        pytest.param(png(COLOURS, cicp(1, 13)), 0, 0, id="sRGB"),
        pytest.param(png(COLOURS, cicp(1, 1)), 0, 0, id="BT.709"),
        pytest.param(png(steps(light()), gamma(100_000)), 60, 1.5, id="gAMA"),
        pytest.param(png(COLOURS, gamma(45_455)), 0, 0, id="usual gAMA"),
        pytest.param(
            png(steps(light() ** (1 / 1.8)), gamma(55_556)), 30, 1, id="1.8"
        ),
        pytest.param(
            png(
                steps(srgb(light() @ TO_P3.T)),
                gamma(45_455),
                (b"cHRM", struct.pack(">8I", *P3)),
            ),
            0, 1, id="cHRM",
        ),
        pytest.param(
            png(
                COLOURS,
                gamma(100_000),
                (b"sRGB", b"\0"),
            ),
            0, 0, id="sRGB before gAMA",
        ),
    ],
)  # fmt: skip
def test_colours_are_brought_to_srgb(data, dark, bound):
    assert off(data, dark) <= bound


@pytest.mark.parametrize(
    ("chunk", "said"),
    [(cicp(1, 8), True), (gamma(100_000), True), (gamma(55_556), False), (cicp(12, 13), False)],
)
def test_that_linear_light_is_coarse_in_the_dark_is_said(chunk, said):
    notes = imaging.read(png(deep(light()), chunk)).notes
    assert any("darkest parts are coarse" in note for note in notes) is said


@pytest.mark.parametrize(("transfer", "code"), [(16, pq), (18, hlg)])
def test_hdr_highlights_are_rolled_off_and_said(transfer, code):
    """A lamp of 1,000 cd/m² is no brighter than white, and a face beside it stays as it is."""
    nits = np.full((40, 40, 3), 40.0)
    nits[:, 20:] = 203
    nits[:8] = 1000
    picture = imaging.read(png(deep(code(nits)), cicp(9, transfer)))
    lamp, face, paper = (picture.pixels[y, x, 0] for y, x in ((2, 2), (20, 5), (20, 35)))
    assert lamp == 255 and 200 <= paper < 255
    assert abs(int(face) - 255 * srgb(np.array(40 / 203))) <= 3
    assert any("HDR" in note for note in picture.notes)


def patched(kind, primaries, transfer):
    """An AVIF or HEIC file that says other colours of itself than it was written with."""
    image = Image.fromarray(steps(pq(203 * light() @ TO_BT2020.T)).repeat(4, 0).repeat(4, 1))
    if kind == "HEIF":
        import pillow_heif

        pillow_heif.register_heif_opener()
        options = {"color_primaries": primaries, "transfer_characteristics": transfer}
        return encoded(image, kind, quality=100, chroma=444, matrix_coefficients=6, **options)
    data = encoded(image, kind, quality=100, subsampling="4:4:4")
    place = data.index(b"colrnclx") + 8
    return data[:place] + struct.pack(">HH", primaries, transfer) + data[place + 4 :]


@pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
def test_hdr_of_avif_and_heic_is_seen(kind):
    picture = imaging.read(patched(kind, 9, 16))
    expected = COLOURS.repeat(4, 0).repeat(4, 1)
    assert np.abs(picture.pixels.astype(int) - expected).mean() < 4
    assert any("HDR (PQ)" in note for note in picture.notes)


def test_codes_that_are_not_known_are_said():
    picture = imaging.read(png(COLOURS, cicp(200, 13)))
    assert np.array_equal(picture.pixels, COLOURS)
    assert any("not known here" in note for note in picture.notes)


def test_a_code_comes_before_a_profile():
    profile = b"linear\0\0" + zlib.compress(with_linear_curves())
    assert off(png(COLOURS, (b"iCCP", profile))) > 10
    assert off(png(COLOURS, (b"iCCP", profile), cicp(1, 13))) == 0


def test_impossible_gamma_is_said():
    picture = imaging.read(png(COLOURS, gamma(1)))
    assert np.array_equal(picture.pixels, COLOURS)
    assert any("make no sense" in note for note in picture.notes)


def test_what_pillow_opened_has_its_gamma_applied():
    data = png(steps(light()), gamma(100_000))
    opened = Image.open(io.BytesIO(data))
    assert np.array_equal(imaging.Picture.from_image(opened).pixels, imaging.read(data).pixels)
