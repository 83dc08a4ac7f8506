"""Pictures above the limit on pixels, as phones make them, are read smaller."""

import io

import numpy as np
import pytest
from PIL import Image

from deepfake import imaging
from deepfake.detector import Detector
from deepfake.errors import ImageError
from deepfake.settings import Settings

SMALL = Settings(max_pixels=100_000)


def encoded(image, kind, **options):
    data = io.BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()


def scene(portrait, size):
    return Image.open(portrait).convert("RGB").resize(size)


@pytest.mark.parametrize(
    ("kind", "size", "read", "share"),
    [
        ("JPEG", (400, 300), (200, 150), "half"),
        ("JPEG", (800, 600), (200, 150), "a quarter"),
        ("PNG", (400, 300), (200, 150), "half"),
        ("WEBP", (400, 300), (200, 150), "half"),
        ("AVIF", (400, 300), (200, 150), "half"),
        ("HEIF", (400, 300), (200, 150), "half"),
    ],
)
def test_a_picture_above_the_limit_is_read_smaller_and_says_so(portrait, kind, size, read, share):
    if kind == "HEIF":
        import pillow_heif

        pillow_heif.register_heif_opener()
    whole = scene(portrait, size)
    picture = imaging.read(encoded(whole, kind, quality=95), SMALL)
    assert (picture.width, picture.height) == read
    (note,) = picture.notes
    assert f"{size[0]} × {size[1]} pixels" in note and f"at {share} of" in note
    expected = np.asarray(whole.resize(read, Image.Resampling.BOX), np.int16)
    assert np.abs(picture.pixels - expected).mean() < 4


def test_it_stands_upright_and_is_found_as_it_is(portrait):
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = scene(portrait, (512, 512)).resize((512, 384)).transpose(Image.Transpose.ROTATE_90)
    data = encoded(lying, "JPEG", quality=95, exif=exif)
    picture = imaging.read(data, SMALL)
    assert (picture.width, picture.height) == (256, 192)
    assert "has 512 × 384 pixels" in picture.notes[0] and "256 × 192" in picture.notes[0]


def test_places_are_of_the_smaller_picture(portrait):
    data = encoded(scene(portrait, (1024, 1024)), "JPEG", quality=95)
    settings = Settings(max_pixels=300_000)
    report = Detector(settings=settings).detect(data)
    assert (report.width, report.height) == (512, 512)
    assert "read at half" in report.notes[0] and report.verdict in ("real", "uncertain")
    # As in the photo of that size.
    assert np.abs(np.subtract(report.faces[0].box, (172, 73, 278, 179))).max() < 15


def test_what_cannot_be_made_smaller_is_refused(portrait):
    large = scene(portrait, (500, 400))
    for data in (
        encoded(large, "JPEG", progressive=True),
        encoded(large, "PNG"),
        encoded(large.resize((400, 300)).quantize(), "PNG"),
        encoded(large.resize((400, 300)), "TIFF"),
        encoded(large.resize((400, 300)), "BMP"),
        encoded(large.resize((1000, 600)), "JPEG"),
    ):
        with pytest.raises(ImageError, match=r"megapixels .* Send a smaller copy"):
            imaging.read(data, SMALL)


def test_a_jpeg_of_two_pictures_is_read_smaller(portrait):
    first, second = scene(portrait, (400, 300)), scene(portrait, (80, 60))
    data = encoded(first, "MPO", save_all=True, append_images=[second])
    picture = imaging.read(data, SMALL)
    assert (picture.width, picture.height) == (200, 150)
