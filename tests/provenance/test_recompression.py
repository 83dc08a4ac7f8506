"""An earlier compression of a JPEG: found where it shows, and never told where there was none."""

import io

import numpy as np
import pytest
from PIL import Image

from deepfake import provenance
from deepfake.provenance.recompression import earlier_quality
from deepfake.provenance.words import facts
from tests.conftest import EXAMPLES

# Neither was ever compressed with losses.
COLLINS = Image.open(EXAMPLES / "eileen_collins.png").convert("RGB")
COFFEE = Image.open(EXAMPLES / "coffee.png").convert("RGB")


def saved(image, quality, **options):
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, **options)
    return buffer.getvalue()


def decoded(data):
    return Image.open(io.BytesIO(data)).convert("RGB")


def twice(image, first, second, **options):
    return saved(decoded(saved(image, first)), second, **options)


@pytest.mark.parametrize(
    ("first", "second"), [(50, 90), (60, 75), (75, 90), (80, 85), (90, 95), (85, 60), (95, 90)]
)
def test_an_earlier_compression_is_found_with_its_quality(first, second):
    assert earlier_quality(twice(COLLINS, first, second)) == pytest.approx(first, abs=2)


@pytest.mark.parametrize(
    "options", [{"progressive": True}, {"subsampling": 0}, {"optimize": True}], ids=str
)
def test_it_is_found_however_the_file_is_written(options):
    assert earlier_quality(twice(COFFEE, 70, 92, **options)) == pytest.approx(70, abs=2)
    assert earlier_quality(saved(COFFEE, 92, **options)) is None


@pytest.mark.parametrize("quality", [50, 60, 70, 75, 80, 85, 90, 95, 98, 100])
@pytest.mark.parametrize(
    "image",
    [
        COLLINS,
        COFFEE,
        COLLINS.convert("L"),
        COLLINS.resize((900, 900), Image.Resampling.BICUBIC),
        COLLINS.point(lambda value: value // 32 * 32),
        Image.fromarray(np.random.default_rng(0).integers(0, 256, (300, 300, 3), np.uint8)),
        Image.radial_gradient("L"),
        COLLINS.crop((150, 50, 310, 210)),
    ],
    ids=["portrait", "coffee", "grey", "soft", "posterised", "noise", "gradient", "small"],
)
def test_of_what_was_compressed_once_nothing_is_told(image, quality):
    assert earlier_quality(saved(image, quality)) is None


def test_nothing_is_told_where_no_trace_is_left():
    first = decoded(saved(COLLINS, 75))
    assert earlier_quality(saved(first, 75)) is None
    # Another grid, and pixels that are other ones.
    assert earlier_quality(saved(first.crop((3, 5, 512, 512)), 90)) is None
    assert earlier_quality(saved(first.resize((400, 400)), 90)) is None


@pytest.mark.parametrize("progressive", [False, True])
def test_of_a_large_photo_a_part_is_looked_at(progressive):
    large = Image.new("RGB", (2560, 2560))
    for left in range(0, 2560, 512):
        for top in range(0, 2560, 512):
            large.paste(COLLINS, (left, top))
    data = twice(large, 75, 90, progressive=progressive)
    assert earlier_quality(data) == pytest.approx(75, abs=2)
    # No part but the upper one is decoded, so that its end may be missing.
    if not progressive:
        assert earlier_quality(data[: len(data) * 4 // 5]) == pytest.approx(75, abs=2)


def test_files_that_mean_harm_tell_nothing_and_raise_nothing():
    whole = twice(COLLINS, 75, 90)
    frame, table = whole.index(b"\xff\xc0"), whole.index(b"\xff\xdb")
    grown = whole[: frame + 5] + b"\xff\xff\xff\xff" + whole[frame + 9 :]
    many = saved(COLLINS.resize((48, 48)), 15, progressive=True)
    scan = many[many.rindex(b"\xff\xda") : -2]
    for data in (
        b"", b"\xff\xd8", whole[:300], whole[: len(whole) // 2], grown,
        whole[: table + 5] + bytes(64) + whole[table + 69 :],  # steps of nothing
        whole[:table] + whole[frame:],  # without tables
        many[:-2] + 150 * scan + many[-2:],
        saved(COLLINS.convert("CMYK"), 75), saved(COLLINS, 75, keep_rgb=True),
        saved(COLLINS.resize((1, 1)), 75), saved(COLLINS.resize((4000, 2)), 75),
        saved(Image.new("RGB", (512, 512), "white"), 75),
    ):  # fmt: skip
        assert earlier_quality(data) is None
    random = np.random.default_rng(0)
    for _ in range(40):
        damaged = bytearray(whole)
        for place in random.integers(2, 700, 4):
            damaged[place] = random.integers(256)
        assert earlier_quality(bytes(damaged)) in (None, *range(30, 98))


def test_it_stands_with_the_facts_and_is_no_sign_of_a_fake():
    found = provenance.read(twice(COLLINS, 75, 90))
    about = found.to_dict("real")["jpeg"]
    assert (about["quality"], about["exact"]) == (90, True)
    assert about["earlier_quality"] == pytest.approx(75, abs=2)
    said = dict(facts(found, "real"))["Earlier compression"]
    assert f"about quality {about['earlier_quality']}" in said and "no sign of a fake" in said
    assert found.contradictions("real") == found.contradictions("fake") == ()
    once = provenance.read(saved(COLLINS, 90))
    assert once.to_dict("real")["jpeg"]["earlier_quality"] is None
    assert "Earlier compression" not in dict(facts(once, "real"))
