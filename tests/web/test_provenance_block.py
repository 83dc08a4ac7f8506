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


def scored(report, p_fake):
    (face,) = report.faces
    judged = replace(report, p_fake=p_fake, faces=(replace(face, p_fake=p_fake),))
    return judged.at(report.threshold)


def test_it_is_closed_until_it_says_more_than_the_verdict(detector, portrait):
    report = detector.detect(portrait)
    real, fake = scored(report, 0.1), scored(report, 0.99)
    assert '<details class="provenance"><summary>' in shown(real, Model="Cam 1")
    assert " open>" in shown(real, Software="Midjourney")
    assert " open>" not in shown(fake, Software="Midjourney")
    # What the model sees does not change with the visitor's threshold.
    assert " open>" not in shown(fake.at(0.999), Software="Midjourney")
    # Without a verdict on the pixels the file's own word is all that there is.
    nobody = replace(report, faces=(), p_fake=None, verdict="not_applicable")
    for undecided in (scored(report, 0.7), nobody):
        assert " open>" in shown(undecided, Software="Midjourney")


def test_an_earlier_compression_is_told_and_is_no_sign_of_a_fake(detector, portrait):
    report = detector.detect(portrait)
    saved = Provenance(Credentials("absent"), jpeg=JpegQuality(90, True, 70))
    html = provenance_block(replace(report, provenance=saved))
    assert "at about quality 70. That is no sign of a fake" in html
    once = replace(saved, jpeg=JpegQuality(90, True))
    assert "sign of a fake" not in provenance_block(replace(report, provenance=once))


def test_without_provenance_there_is_nothing(detector, portrait):
    assert provenance_block(None) == provenance_block(detector.detect(portrait)) == ""
