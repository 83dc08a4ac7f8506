import numpy as np
import pytest
from PIL import Image

from deepfake import imaging
from deepfake.faces import FaceDetector
from deepfake.mesh import FACE_OVAL, LEFT_EYE, LIPS, NOSE, RIGHT_EYE, FaceMesh


@pytest.mark.parametrize("angle", [0, 25, -25])
@pytest.mark.parametrize("scale", [1, 4])
def test_features_lie_where_they_belong(portrait, angle, scale):
    picture = imaging.read(portrait)
    image = Image.fromarray(picture.pixels).rotate(
        angle, Image.Resampling.BICUBIC, center=(225, 126)
    )
    image = image.resize((512 * scale, 512 * scale))
    (face,) = FaceDetector().detect(imaging.Picture.from_array(np.asarray(image)))
    mesh = FaceMesh().detect(image, face.box, face.keypoints)
    for group, keypoint in ((RIGHT_EYE, 0), (LEFT_EYE, 1), (NOSE, 2), (LIPS, 3)):
        distance = mesh.points[list(group)].mean(axis=0) - face.keypoints[keypoint]
        assert abs(distance).max() < 0.2 * face.side
    assert mesh.points[list(FACE_OVAL), 0].min() < mesh.points[list(RIGHT_EYE), 0].min()
    assert mesh.presence > 0.9


def test_presence_is_low_where_there_is_no_face(portrait):
    picture = imaging.read(portrait)
    (face,) = FaceDetector().detect(picture)
    helmet = (300.0, 350.0, 420.0, 470.0)
    moved = face.keypoints + np.array([190, 280])
    assert FaceMesh().detect(Image.fromarray(picture.pixels), helmet, moved).presence < 0.5
