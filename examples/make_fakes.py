"""Makes the fakes of this folder from its two public-domain portraits."""

from pathlib import Path

import numpy as np
from PIL import Image

from deepfake import imaging
from deepfake.faces import FaceDetector
from deepfake.forging import blending
from deepfake.forging.face_reader import TrainingFace
from deepfake.mesh import FaceMesh

FOLDER = Path(__file__).parent
QUALITY = 92


def face_of(name: str) -> TrainingFace:
    """The largest face of a picture, with the whole picture around it."""
    picture = imaging.read(FOLDER / name)
    face = FaceDetector().detect(picture)[0]
    mesh = FaceMesh().detect(Image.fromarray(picture.pixels), face.box, face.keypoints)
    return TrainingFace(picture.pixels, np.array(face.box), mesh.points, 0, name)


def save(face: TrainingFace, name: str) -> None:
    """Write a fake."""
    Image.fromarray(face.pixels).save(FOLDER / name, quality=QUALITY)


def main() -> None:
    """Make all fakes; the seeds make them the same each time."""
    collins, hopper = face_of("eileen_collins.png"), face_of("grace_hopper.jpg")
    save(blending.swap(collins, hopper, np.random.default_rng(6)), "fake_swap_collins.jpg")
    save(blending.swap(hopper, collins, np.random.default_rng(4)), "fake_swap_hopper.jpg")
    save(blending.self_blend(collins, np.random.default_rng(1)), "fake_self_blend_collins.jpg")


if __name__ == "__main__":
    main()
