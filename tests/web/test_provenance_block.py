"""The block on where a file comes from: beside the score, and safe to show."""

import io
from dataclasses import replace

from PIL import ExifTags, Image

from deepfake import provenance
from deepfake.web.provenance_block import provenance_block
from tests.conftest import EXAMPLES


def shown(report, **tags):
    exif = Image.Exif()
    for name, value in tags.items():
        exif[ExifTags.Base[name]] = value
    buffer = io.BytesIO()
    Image.open(EXAMPLES / "grace_hopper.jpg").convert("RGB").save(buffer, "JPEG", exif=exif)
    return provenance_block(replace(report, provenance=provenance.read(buffer.getvalue())))


def test_what_strangers_wrote_is_text(detector, portrait):
    report = detector.detect(portrait)
    html = shown(report, Model="<script>alert(1)</script>", Software='" onload="x')
    assert "<script>" not in html and "&lt;script&gt;" in html
    assert '" onload' not in html


def test_it_is_closed_until_it_says_more_than_the_verdict(detector, portrait):
    report = detector.detect(portrait).at(0.999)
    assert '<details class="provenance"><summary>' in shown(report, Model="Cam 1")
    real = replace(report, verdict="real")
    assert " open>" in shown(real, Software="Midjourney")
    assert " open>" not in shown(replace(report, verdict="fake"), Software="Midjourney")
    # Without a verdict on the pixels the file's own word is all that there is.
    for verdict in ("uncertain", "not_applicable"):
        assert " open>" in shown(replace(report, verdict=verdict), Software="Midjourney")


def test_without_provenance_there_is_nothing(detector, portrait):
    assert provenance_block(None) == provenance_block(detector.detect(portrait)) == ""
