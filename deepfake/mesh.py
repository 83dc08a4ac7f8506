"""The 468-point face mesh (Kartynnik et al. 2019, arXiv 1907.06724) through LiteRT.

It tells where the features of a face lie, which blended fakes are cut out along, and how sure it
is that there is a face at all, which settles the detector's doubtful finds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from deepfake.interpreters import InterpreterPool
from deepfake.settings import Settings, models_folder

MESH_MODEL = "face/face_landmark.tflite"
MESH_SIDE = 192
MESH_POINTS = 468
# MediaPipe's face-landmark graph looks at a square of 1.5 times the detected box.
MESH_FACTOR = 1.5

# Indices into the mesh, from MediaPipe's face_mesh_connections.
FACE_OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
LIPS = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
RIGHT_EYE = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
LEFT_EYE = (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466)
RIGHT_BROW = (70, 63, 105, 66, 107, 55, 65, 52, 53, 46)
LEFT_BROW = (300, 293, 334, 296, 336, 285, 295, 282, 283, 276)
NOSE = (168, 6, 197, 195, 5, 4, 1, 19, 94, 2, 98, 97, 326, 327, 129, 358, 49, 279)


@dataclass(frozen=True)
class Mesh:
    """The mesh of one face.

    Attributes:
        points: float32 array (468, 2). x and y in pixels of the picture.
        presence: float. Probability in [0, 1] that there is a face.
    """

    points: np.ndarray
    presence: float


class FaceMesh:
    """Finds the mesh of a detected face. Safe to share between threads.

    Args:
        settings: Settings. Pool size. Defaults to the environment's.
    """

    def __init__(self, settings: Settings | None = None):
        settings = settings or Settings.from_environment()
        self._pool = InterpreterPool(models_folder() / MESH_MODEL, settings.interpreters, 1)

    def detect(
        self, image: Image.Image, box: tuple[float, float, float, float], keypoints: np.ndarray
    ) -> Mesh:
        """Find the mesh.

        Args:
            image: Image. The RGB picture that the face was found in.
            box: tuple (left, top, right, bottom). The face in pixels.
            keypoints: float array (6, 2). As in `Face`; the line of the eyes tells the rotation.

        Returns:
            The Mesh.
        """
        left, top, right, bottom = box
        across, down = keypoints[1] - keypoints[0]
        angle = np.arctan2(down, across)
        step = max(right - left, bottom - top, 1.0) * MESH_FACTOR / MESH_SIDE
        # Crop pixel (u, v) lies at `matrix @ (u, v) + origin` in the picture.
        matrix = step * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        centre = np.array([(left + right) / 2, (top + bottom) / 2])
        origin = centre - matrix @ np.full(2, MESH_SIDE / 2)
        # The affine transform does not low-pass, so a large face is reduced first, and only its
        # surroundings are: a square that holds the crop at any rotation.
        factor = max(1, int(0.75 * step))
        corner = np.maximum(centre - step * MESH_SIDE * 0.75, 0.0).astype(int)
        end = np.minimum(centre + step * MESH_SIDE * 0.75 + factor, image.size).astype(int)
        if (end <= corner).any():
            corner, end = np.zeros(2, int), np.array(image.size)
        image = image.reduce(factor, (*corner.tolist(), *end.tolist()))
        data = np.column_stack([matrix, origin - corner]).ravel() / factor
        crop = image.transform(
            (MESH_SIDE, MESH_SIDE), Image.Transform.AFFINE, data.tolist(), Image.Resampling.BILINEAR
        )
        with self._pool.borrow() as interpreter:
            interpreter.set_tensor(
                interpreter.get_input_details()[0]["index"],
                np.asarray(crop, np.float32)[None] / 255,
            )
            interpreter.invoke()
            outputs = [interpreter.get_tensor(d["index"]) for d in interpreter.get_output_details()]
        flag, mesh = sorted(outputs, key=lambda output: output.size)[-2:]
        points = mesh.reshape(MESH_POINTS, 3)[:, :2] @ matrix.T + origin
        presence = 1.0 / (1.0 + np.exp(-np.clip(float(flag.ravel()[0]), -80.0, 80.0)))
        return Mesh(points.astype(np.float32), float(presence))
