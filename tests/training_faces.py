"""Fixtures: faces of the examples as training sees them, and tiny labelled sets."""

import numpy as np
import pytest
from PIL import Image

from deepfake import imaging
from deepfake.faces import FaceDetector
from deepfake.forging.face_reader import TrainingFace
from deepfake.mesh import FaceMesh
from deepfake.settings import Settings


def face_of(path, label=0):
    picture = imaging.read(path)
    face = FaceDetector(Settings()).detect(picture)[0]
    mesh = FaceMesh(Settings()).detect(Image.fromarray(picture.pixels), face.box, face.keypoints)
    return TrainingFace(picture.pixels, np.array(face.box), mesh.points, label, path.stem)


@pytest.fixture(scope="session")
def collins(portrait):
    return face_of(portrait)


@pytest.fixture(scope="session")
def hopper(other_portrait):
    return face_of(other_portrait)


@pytest.fixture(scope="session")
def labelled(tmp_path_factory, portrait, other_portrait):
    """A tiny data set of the two portraits: real as they are, "fake" with inverted colours."""
    folder = tmp_path_factory.mktemp("data")
    for split, count in (("train", 4), ("valid", 2), ("test", 2)):
        for index in range(count):
            image = Image.open((portrait, other_portrait)[index % 2]).convert("RGB")
            image = image.crop((60 + 3 * index, 0, 460 + 3 * index, 400)).resize((224, 224))
            for label in ("real", "fake"):
                path = folder / split / label / f"{index}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                pixels = np.asarray(image)
                Image.fromarray(pixels if label == "real" else pixels[..., ::-1].copy()).save(path)
    (folder / "train" / "real" / "broken.jpg").write_bytes(b"broken")
    return folder


@pytest.fixture
def two_makers(labelled, tmp_path):
    """A table of `labelled` in which the reals are of a camera, the fakes of two makers."""
    rows = ["path,label,split,generator"]
    for path in sorted(labelled.rglob("*.png")):
        split, label = path.parts[-3:-1]
        maker = f"maker_{int(path.stem) % 2}" if label == "fake" else "camera"
        rows.append(f"{path},{label},{split},{maker}")
    table = tmp_path / "faces.csv"
    table.write_text("\n".join(rows))
    return table
