"""The block on where a file comes from: beside the score, and safe to show."""

import io
from dataclasses import replace

from PIL import ExifTags, Image

from deepfake import provenance
from deepfake.provenance.facts import Credentials, JpegQuality, Provenance
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


def test_it_is_closed_until_something_contradicts(detector, portrait):
    report = detector.detect(portrait).at(0.999)
    assert '<details class="provenance"><summary>' in shown(report, Model="Cam 1")
    real = replace(report, verdict="real")
    assert " open>" in shown(real, Software="Midjourney")
    assert " open>" not in shown(replace(report, verdict="fake"), Software="Midjourney")


def test_an_earlier_compression_is_told_and_is_no_sign_of_a_fake(detector, portrait):
    report = detector.detect(portrait)
    saved = Provenance(Credentials("absent"), jpeg=JpegQuality(90, True, 70))
    html = provenance_block(replace(report, provenance=saved))
    assert "at about quality 70. That is no sign of a fake" in html
    once = replace(saved, jpeg=JpegQuality(90, True))
    assert "sign of a fake" not in provenance_block(replace(report, provenance=once))


def test_without_provenance_there_is_nothing(detector, portrait):
    assert provenance_block(None) == provenance_block(detector.detect(portrait)) == ""
