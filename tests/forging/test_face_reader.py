import numpy as np
import pytest
from PIL import Image

from deepfake import imaging
from deepfake.datasets.dataset import find_dataset
from deepfake.datasets.samples import Sample
from deepfake.forging.face_reader import FaceReader
from deepfake.manifest import Input

SPEC = Input(size=64, crop=1.3, mean=(127, 127, 127), std=(128, 128, 128))


def test_validation_sees_exactly_what_serving_sees(labelled, detector):
    spec = detector.model.manifest.input
    sample = next(s for s in find_dataset(labelled).samples if s.split == "valid" and s.label == 0)
    ((_, seen),) = FaceReader(spec).crops([sample])
    assert np.array_equal(seen, detector.detect(sample.path).faces[0].crop)


def test_unreadable_and_faceless_files_are_listed_not_fatal(labelled):
    reader = FaceReader(SPEC)
    faces = reader.training_faces([s for s in find_dataset(labelled).samples if s.split == "train"])
    assert len(faces) == 8
    assert len(reader.skipped) == 1 and "broken.jpg" in reader.skipped[0]


def test_faces_come_with_their_samples(labelled, faceless):
    samples = [s for s in find_dataset(labelled).samples if s.split == "valid"]
    without = Sample(faceless, 0, "valid", "real")
    pairs = list(FaceReader(SPEC).pairs([samples[0], without, *samples[1:]]))
    assert [sample for sample, _ in pairs] == samples
    assert all(face.label == sample.label for sample, face in pairs)
    assert max(max(face.pixels.shape) for _, face in pairs) <= round(1.7 * SPEC.size)


@pytest.fixture(scope="module")
def collins_in_picture(portrait):
    return FaceReader(SPEC).in_picture(Sample(portrait, 0, "train", "real"))


def test_a_changed_face_is_put_back_without_a_square_around_it(collins_in_picture, portrait):
    found = collins_in_picture
    before = imaging.read(portrait).pixels.astype(int)
    brighter = np.clip(found.face.pixels.astype(int) + 40, 0, 255).astype(np.uint8)
    after = found.with_face(brighter).astype(int)
    (left, top), (height, width) = found.origin, found.face.pixels.shape[:2]
    centre = (top + height // 2, left + width // 2)
    assert (after[centre] > before[centre]).any()
    # At the edge of what was changed, neighbours differ no more than they did.
    steps = np.abs(np.diff(after - before, axis=0)).max(), np.abs(np.diff(after - before)).max()
    assert max(steps) < 40
    outside = np.ones(before.shape[:2], bool)
    outside[top : top + height, left : left + width] = False
    assert np.array_equal(after[outside], before[outside])


def test_changes_that_reach_the_border_do_not_fit(collins_in_picture):
    pixels = collins_in_picture.face.pixels
    middle = pixels.copy()
    middle[60:90, 60:90] = 0
    assert collins_in_picture.fits(middle)
    assert not collins_in_picture.fits(
        np.asarray(Image.fromarray(pixels).convert("L").convert("RGB"))
    )
