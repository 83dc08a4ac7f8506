import io
import struct

import numpy as np
from PIL import Image, ImageCms

from deepfake import imaging
from tests.imaging.files import encoded

COLOURS = np.random.default_rng(5).integers(40, 256, (30, 40, 3), np.uint8)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def with_linear_curves():
    """sRGB's own profile, its name kept, with the curves of linear light."""
    data = bytearray(SRGB)
    tags = {bytes(data[i : i + 4]): i for i in range(132, 132 + 12 * data[131], 12)}
    for name in (b"rTRC", b"gTRC", b"bTRC"):
        place = int.from_bytes(data[tags[name] + 4 : tags[name] + 8], "big")
        data[place : place + 12] = b"curv" + bytes(8)
        data[tags[name] + 8 : tags[name] + 12] = (12).to_bytes(4, "big")
    return bytes(data)


def test_a_linear_profile_is_applied_though_its_name_says_srgb():
    coded = COLOURS / 255
    light = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    image = Image.fromarray(np.round(light * 255).astype(np.uint8))
    profile = with_linear_curves()
    assert "sRGB" in ImageCms.getProfileDescription(ImageCms.getOpenProfile(io.BytesIO(profile)))
    picture = imaging.read(encoded(image, "PNG", icc_profile=profile))
    assert np.abs(picture.pixels.astype(int) - COLOURS).mean() < 1.5


def test_what_is_srgb_keeps_its_pixels_to_the_bit():
    picture = imaging.read(encoded(Image.fromarray(COLOURS), "PNG", icc_profile=SRGB))
    assert np.array_equal(picture.pixels, COLOURS)


def test_a_profile_that_says_hdr_is_not_taken_for_its_tables():
    count = int.from_bytes(SRGB[128:132], "big") + 1
    # A further tag; the places of the others move behind it.
    entries = b"".join(
        SRGB[i : i + 4] + struct.pack(">I", int.from_bytes(SRGB[i + 4 : i + 8], "big") + 12)
        + SRGB[i + 8 : i + 12]
        for i in range(132, 132 + 12 * (count - 1), 12)
    )  # fmt: skip
    body = SRGB[132 + 12 * (count - 1) :]
    end = 132 + 12 * count + len(body)
    own = b"cicp" + struct.pack(">II", end, 12)
    profile = SRGB[:128] + struct.pack(">I", count) + entries + own + body
    profile += b"cicp\0\0\0\0" + bytes((9, 16, 0, 1))
    profile = struct.pack(">I", len(profile)) + profile[4:]
    picture = imaging.read(encoded(Image.fromarray(COLOURS), "PNG", icc_profile=profile))
    assert any("HDR (PQ)" in note for note in picture.notes)
