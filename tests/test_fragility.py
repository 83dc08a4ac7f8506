import json
from dataclasses import replace

import numpy as np
import pytest

from deepfake import cli, fragility, imaging, preprocessing
from deepfake.faces import FaceDetector
from deepfake.imaging import Picture
from deepfake.report import Variation

NAMES = ["jpeg_90", "jpeg_60", "jpeg_40", "blurred", "darkened", "halved", "mirrored"]


def seen(picture, detector):
    """(the crop as it is, the changed ones)."""
    (face,) = FaceDetector().detect(picture)
    spec = detector.model.manifest.input
    crop = preprocessing.crop(picture, face.box, spec, face.turn)
    return crop.astype(float), fragility.changed(picture, face, spec)


@pytest.mark.parametrize("quarters", [0, 1])
@pytest.mark.parametrize("enlarged", [1, 6])
def test_the_same_face_is_changed_whatever_its_size_and_turn(
    detector, portrait, quarters, enlarged
):
    pixels = np.rot90(imaging.read(portrait).pixels, quarters)
    pixels = pixels.repeat(enlarged, axis=0).repeat(enlarged, axis=1)
    crop, changed = seen(Picture.from_array(np.ascontiguousarray(pixels)), detector)
    assert list(changed) == NAMES
    for name, other in changed.items():
        aligned = other[:, ::-1] if name == "mirrored" else other
        assert aligned.shape == crop.shape and aligned.dtype == np.uint8
        # The same place: a shift by a few pixels alone would differ by 10 and more.
        assert np.abs(aligned - crop).mean() < 8, name


def test_only_the_face_that_decides_is_judged_again(detector, portrait, other_portrait):
    pictures = [imaging.read(path).pixels[:512] for path in (portrait, other_portrait)]
    both = np.concatenate(pictures, axis=1)
    report = detector.detect(both, fragility=True)
    assert {len(face.variations) for face in report.faces} == {0, 7}
    for face in report.faces:
        assert bool(face.variations) == (face.p_fake == report.p_fake)
    plain = detector.detect(both)
    assert plain.p_fake == report.p_fake and not any(face.variations for face in plain.faces)


def test_a_network_that_judges_both_mirror_images_says_the_same_of_the_mirrored(detector, portrait):
    (face,) = detector.detect(portrait, fragility=True).faces
    (mirrored,) = [v.p_fake for v in face.variations if v.name == "mirrored"]
    assert mirrored == pytest.approx(face.p_fake, abs=0.02)


@pytest.fixture
def unsteady(detector, portrait):
    """A report on a real face, half of whose variations are called fake."""
    report = detector.detect(portrait)
    variations = (Variation("jpeg_90", 0.01), Variation("jpeg_40", 0.99))
    (face,) = report.faces
    return replace(report, faces=(replace(face, variations=variations),))


def test_a_verdict_that_a_change_turns_round_is_uncertain_at_each_threshold(unsteady):
    usual = unsteady.at(unsteady.threshold)
    assert (usual.verdict, usual.faces[0].verdict) == ("uncertain", "uncertain")
    assert usual.reasons == ("unstable",)
    # Where all are called fake it holds again, and back.
    all_fake = usual.at(0.0)
    assert (all_fake.verdict, all_fake.reasons) == ("fake", ())
    assert all_fake.at(unsteady.threshold).reasons == ("unstable",)


def test_no_face_no_variations(detector, faceless):
    assert detector.detect(faceless, fragility=True).faces == ()


def test_the_command_line_says_the_same(detector, portrait, capsys):
    assert cli.main(["detect", "--json", "--fragility", str(portrait)]) == 0
    (face,) = json.loads(capsys.readouterr().out)["faces"]
    (same,) = detector.detect(portrait, fragility=True).faces
    assert [v["name"] for v in face["variations"]] == NAMES
    for said, known in zip(face["variations"], same.variations, strict=True):
        assert said["p_fake"] == pytest.approx(known.p_fake, abs=1e-6)
    assert cli.main(["detect", "--fragility", str(portrait)]) == 0
    assert "when changed" in capsys.readouterr().out
    assert cli.main(["detect", "--fragility", "--model", "a", "--model", "b", str(portrait)]) == 1
    assert "name one --model" in capsys.readouterr().err
