"""Picture → [Face]: BlazeFace "back" through LiteRT.

The network and its decoding: Bazarevsky et al. 2019 (arXiv 1907.05047) and MediaPipe's
`face_detection_back` graph. It looks at 256 × 256 pixels, so a face much smaller than a tenth of a
large picture is missed in the first pass; such pictures get a second pass over tiles. Lying and
upside-down faces are looked for in turned copies where nothing sure is found upright. Every find
(cats, flowers, wheels) is kept only if the face mesh, too, says that there is a face.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from deepfake.imaging import Picture
from deepfake.imaging.tiles import tiles
from deepfake.interpreters import InterpreterPool
from deepfake.mesh import FaceMesh
from deepfake.settings import Settings, models_folder

INPUT_SIDE = 256
# (side of the grid, anchors per cell): strides 16 and 32, from MediaPipe's SSD anchor options.
ANCHOR_GRIDS = ((16, 2), (8, 6))
KEYPOINT_NAMES = ("right_eye", "left_eye", "nose", "mouth", "right_ear", "left_ear")
MIN_CONFIDENCE = 0.5
# A find from here on is sure of how the picture is turned; below, turned copies are tried as well.
SURE_CONFIDENCE = 0.85
MIN_PRESENCE = 0.5
# The face mesh is asked about each find, 5 ms a face; of a larger crowd only the surest are kept.
MAX_ASKED = 256
# The most confident finds of all tiles; a picture of hundreds of faces has more.
MAX_CANDIDATES = 2000
MAX_OVERLAP = 0.3
# A box that lies this far inside a better one is the same face, cut by the edge of a tile.
MAX_INSIDE = 0.7
# Parts of a face share at most .6 with all of it; the same face, found twice, shares .8.
SAME_FACE = 0.7
# Size of the picture within the input where nothing was found at full size.
BORDERED_SHARE = 0.6
# Only pictures whose longer side is above this are looked at in tiles.
TILED_FROM = 640
# In fewer pixels nothing is a face to BlazeFace: a strip of 70,000 × 2 is not worth 208 tiles.
FEWEST_PIXELS = 16
# A face under this share of the longer side is "tiny": BlazeFace saw it at about 20 pixels.
TINY_SHARE = 0.08
# A face that leans by less degrees is found as well as an upright one.
ASKEW_FROM = 15.0
# A face is looked for in a square of so many times its side around where it was; with more faces
# than this, looking at the whole picture is quicker.
FOLLOWED_WITHIN, MAX_FOLLOWED = 3.0, 3
# How much of the surroundings of an askew face is looked at when it is turned upright, in sides of
# its box. In the whole picture, turned, a small face becomes smaller, and its box by up to a third
# (docs/model-2.md).
LOOKED_AROUND = 2.5
# Around a copy that stands askew.
BESIDE = (127, 127, 127)
FACE_MODEL = "face/face_detection_back.tflite"


@dataclass(frozen=True)
class Face:
    """A detected face.

    Attributes:
        box: tuple (left, top, right, bottom). Pixels of the Picture, may reach beyond it.
        keypoints: float array (6, 2). x and y in pixels of eyes, nose, mouth and ears, in the
            order of `KEYPOINT_NAMES`.
        confidence: float. Detection score in [0, 1].
    """

    box: tuple[float, float, float, float]
    keypoints: np.ndarray
    confidence: float

    @property
    def side(self) -> float:
        """Length of the longer side of the box in pixels."""
        left, top, right, bottom = self.box
        return max(right - left, bottom - top)

    @property
    def turn(self) -> float:
        """How far the face is turned in the picture plane, as `turn_of` has it."""
        right_eye, left_eye, _, mouth = self.keypoints[:4]
        return turn_of(right_eye, left_eye, mouth)


class FaceDetector:
    """Finds faces. Safe to share between threads.

    Args:
        settings: Settings. Pool size and threads. Defaults to the environment's.
    """

    def __init__(self, settings: Settings | None = None):
        settings = settings or Settings.from_environment()
        path = models_folder() / FACE_MODEL
        self._pool = InterpreterPool(path, settings.interpreters, settings.threads)
        self._mesh = FaceMesh(settings)

    def detect(self, picture: Picture) -> list[Face]:
        """Find the faces of a picture.

        Args:
            picture: Picture. uint8 pixels (height, width, 3).

        Returns:
            The faces, the largest first.
        """
        image = picture.image
        candidates = self._look(image)
        faces = self._confirm(image, _merge(candidates))
        if not faces:
            # BlazeFace misses a face that fills the picture; with a border around it, it does not.
            candidates += self._look(image, share=BORDERED_SHARE)
            faces = self._confirm(image, _merge(candidates))
        longer = max(picture.width, picture.height)
        worth_it = longer > TILED_FROM and min(picture.width, picture.height) >= FEWEST_PIXELS
        if worth_it and all(face.side < TINY_SHARE * longer for face in faces):
            for tile in tiles(picture.width, picture.height):
                candidates += self._look(image, tile)
            faces = self._confirm(image, _merge(candidates))
        if all(face.confidence < SURE_CONFIDENCE for face in faces):
            turned = [f for angle in (90.0, 180.0, 270.0) for f in self._look_turned(image, angle)]
            sure = [face for face in turned if face.confidence >= SURE_CONFIDENCE]
            # Asked about by themselves: an upside-down reading of an upright face may look surer.
            faces = _merge([*faces, *self._confirm(image, _merge(sure))])
        return self._finish(image, faces)

    def follow(
        self, picture: Picture, near: Sequence[Face], *, newcomers: bool = True
    ) -> list[Face]:
        """Find the faces of a frame close to where those of an earlier frame were.

        Half of the work of `detect`, and a tenth where that looks at tiles.

        Args:
            picture: Picture. The frame.
            near: sequence of Face. Of an earlier frame, of the same shot.
            newcomers: bool. Whether large new faces are looked for, too. Defaults to so.

        Returns:
            As of `detect`, which is asked where one of them is not there any more.
        """
        if not 0 < len(near) <= MAX_FOLLOWED:
            return self.detect(picture)
        image = picture.image
        candidates = []
        if newcomers:
            candidates += self._look(image)
        for face in near:
            # What leans as it did needs no sure find to know which way is up.
            found = self._look(image, _surroundings(face, picture))
            candidates += [other for other in found if _alike(other.turn, face.turn)]
        faces = self._confirm(image, _merge(candidates))
        if len(faces) < len(near):
            return self.detect(picture)
        return self._finish(image, faces)

    def _finish(self, image: Image.Image, faces: list[Face]) -> list[Face]:
        """Each face once, with the box of the upright one, the largest first."""
        faces = [self._upright(image, face) for face in self._whole_for_parts(image, faces)]
        # Those of upright copies may overlap where the others did not.
        return sorted(_merge(faces), key=lambda face: face.side, reverse=True)

    def _whole_for_parts(self, image: Image.Image, faces: list[Face]) -> list[Face]:
        """Of a face that fills the picture parts may be found; with a border around, all of it."""
        boxes = np.array([face.box for face in faces]).reshape(-1, 4)
        if not any(_overlaps(box, boxes[:n])[0].any() for n, box in enumerate(boxes)):
            return faces
        wholes = self._confirm(image, _merge(self._look(image, share=BORDERED_SHARE)))
        found = np.array([whole.box for whole in wholes])
        for whole in wholes:
            parts = [face for face in faces if _is_within(whole.box, face)]
            if len(parts) < 2:
                continue
            shared = _overlaps(np.array(whole.box), np.array([part.box for part in parts]))[0]
            kept = [whole]
            if shared.max() >= SAME_FACE:
                # One is all of it, and another sure, or found again: somebody before or beside it.
                kept = [
                    part for part, share in zip(parts, shared, strict=True)
                    if share >= SAME_FACE or part.confidence >= SURE_CONFIDENCE
                    or _overlaps(np.array(part.box), found)[0].max() > MAX_OVERLAP
                ]  # fmt: skip
            faces = [*kept, *(face for face in faces if not _is_within(whole.box, face))]
        return faces

    def _confirm(self, image: Image.Image, faces: list[Face]) -> list[Face]:
        surest = sorted(faces, key=lambda face: face.confidence, reverse=True)
        return [
            face
            for face in surest[:MAX_ASKED]
            if self._mesh.detect(image, face.box, face.keypoints).presence >= MIN_PRESENCE
        ]

    def _look_turned(self, image: Image.Image, angle: float) -> list[Face]:
        """Find faces in a small copy that is turned counterclockwise, in pixels of the picture."""
        share = min(1.0, 2 * INPUT_SIDE / max(image.size))
        size = max(1, round(image.width * share)), max(1, round(image.height * share))
        turned = image.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0).rotate(
            angle, Image.Resampling.BICUBIC, expand=True, fillcolor=BESIDE
        )
        return self._look_back(turned, np.array(size) / 2 / share, _turning(angle) / share)

    def _look_back(self, turned: Image.Image, centre: np.ndarray, out: np.ndarray) -> list[Face]:
        """Find faces in a turned copy, in pixels of the picture.

        Args:
            turned: Image. The copy.
            centre: float array (2,). Where its centre lies in the picture.
            out: float array (2, 2). Turns and scales what is in it to what is in the picture.
        """
        faces = []
        for face in self._look(turned):
            corners = np.array(face.box).reshape(2, 2)
            points = np.stack([corners.mean(axis=0), *face.keypoints]) - np.array(turned.size) / 2
            points = points @ out.T + centre
            half = (corners[1] - corners[0]) / 2 * np.hypot(*out[0])
            box = (*(points[0] - half).tolist(), *(points[0] + half).tolist())
            faces.append(Face(box, points[1:], face.confidence))
        return faces

    def _upright(self, image: Image.Image, face: Face) -> Face:
        """The same face as it is found when it stands upright, if it is: boxes depend on it."""
        quarter = 90.0 * round(face.turn / 90)
        angle = quarter if abs(face.turn - quarter) < ASKEW_FROM else face.turn
        if angle == 0.0:
            return face
        # Quarter turns move pixels unchanged, so that the face is found as in the upright picture.
        askew = angle != quarter
        found = self._look_around(image, face, angle) if askew else self._look_turned(image, angle)
        if not found:
            return face
        union, _ = _overlaps(np.array(face.box), np.array([other.box for other in found]))
        same = [other for other, shared in zip(found, union, strict=True) if shared > MAX_OVERLAP]
        return _merge(same)[0] if same else face

    def _look_around(self, image: Image.Image, face: Face, angle: float) -> list[Face]:
        """Find faces in the square around one, turned counterclockwise; in pixels of the image."""
        left, top, right, bottom = face.box
        x, y = (left + right) / 2, (top + bottom) / 2
        side = LOOKED_AROUND * face.side
        # The corners of the square reach so far whatever the angle.
        reach = side / np.sqrt(2)
        x0, y0 = max(0, int(x - reach)), max(0, int(y - reach))
        x1, y1 = min(image.width, int(x + reach) + 1), min(image.height, int(y + reach) + 1)
        # Twice what the network sees, which is made of it by averaging, as of a whole picture.
        seen = 2 * INPUT_SIDE
        by = max(1, int(side / seen))
        centre = np.array([x, y])
        out = _turning(angle) * side / seen
        start = centre - out @ np.full(2, seen / 2)
        rows = np.column_stack([out, start - (x0, y0)]) / by
        turned = image.crop((x0, y0, x1, y1)).reduce(by).transform(
            (seen, seen), Image.Transform.AFFINE, tuple(rows.ravel().tolist()),
            Image.Resampling.BICUBIC, fillcolor=BESIDE,
        )  # fmt: skip
        return self._look_back(turned, centre, out)

    def _look(
        self,
        image: Image.Image,
        area: tuple[float, float, float, float] | None = None,
        share: float = 1.0,
    ) -> list[Face]:
        """Find faces in an area, or all of it, which takes up `share` of the network's input."""
        area = area or (0.0, 0.0, float(image.width), float(image.height))
        left, top, right, bottom = area
        scale = share * INPUT_SIDE / max(right - left, bottom - top)
        size = (
            max(1, round((right - left) * scale)),
            max(1, round((bottom - top) * scale)),
        )
        small = image.resize(size, Image.Resampling.BILINEAR, box=area, reducing_gap=2.0)
        x0, y0 = (INPUT_SIDE - size[0]) // 2, (INPUT_SIDE - size[1]) // 2
        tensor = np.full((1, INPUT_SIDE, INPUT_SIDE, 3), -1.0, np.float32)
        tensor[0, y0 : y0 + size[1], x0 : x0 + size[0]] = (
            np.asarray(small, np.float32) / 127.5 - 1.0
        )
        with self._pool.borrow() as interpreter:
            details = interpreter.get_output_details()
            interpreter.set_tensor(interpreter.get_input_details()[0]["index"], tensor)
            interpreter.invoke()
            outputs = [interpreter.get_tensor(detail["index"])[0] for detail in details]
        raw, logits = sorted(outputs, key=lambda output: output.shape[-1], reverse=True)
        # raw (896, 16): centre x, y, width, height, then 6 key points; logits (896, 1)
        confidence = 1.0 / (1.0 + np.exp(-np.clip(logits[:, 0], -80.0, 80.0)))
        # Boxes without area are noise of the regression.
        keep = (confidence >= MIN_CONFIDENCE) & (raw[:, 2:4] > 0).all(axis=1)
        points = raw[keep].reshape(-1, 8, 2).astype(np.float64)
        anchors = ANCHORS[keep] * INPUT_SIDE
        faces = []
        for (centre, extent, *keypoints), anchor, score in zip(
            points, anchors, confidence[keep], strict=True
        ):
            corners = np.stack([centre - extent / 2, centre + extent / 2, *keypoints]) + anchor
            corners = (corners - (x0, y0)) / scale + (left, top)
            box = (*corners[0].tolist(), *corners[1].tolist())
            faces.append(Face(box, corners[2:], float(score)))
        return faces


def _turning(angle: float) -> np.ndarray:
    """What turns points back that were turned counterclockwise, of a picture: y points down."""
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    return np.array([[cos, -sin], [sin, cos]])


def _surroundings(face: Face, picture: Picture) -> tuple[float, float, float, float]:
    left, top, right, bottom = face.box
    reach = FOLLOWED_WITHIN * face.side / 2
    x, y = (left + right) / 2, (top + bottom) / 2
    return (
        max(0.0, x - reach), max(0.0, y - reach),
        min(float(picture.width), x + reach), min(float(picture.height), y + reach),
    )  # fmt: skip


def turn_of(right_eye: np.ndarray, left_eye: np.ndarray, mouth: np.ndarray) -> float:
    """How far a face is turned in the picture plane.

    From the line between the eyes and the line from the eyes to the mouth, added up: of a profile,
    whose eyes lie on each other, the second is what tells.

    Args:
        right_eye: float array (2,). x and y in pixels; the person's right.
        left_eye: float array (2,).
        mouth: float array (2,).

    Returns:
        Degrees clockwise in (−180, 180]; 0 for an upright face.
    """
    down = mouth - (right_eye + left_eye) / 2
    across = (left_eye - right_eye) + (down[1], -down[0])
    return float(np.degrees(np.arctan2(across[1], across[0])))


def _make_anchors() -> np.ndarray:
    """Centres of the 896 anchors as (x, y) in [0, 1]; their sizes are all 1."""
    rows = []
    for side, repeats in ANCHOR_GRIDS:
        y, x = np.mgrid[0:side, 0:side]
        centres = (np.stack([x.ravel(), y.ravel()], axis=1) + 0.5) / side
        rows.append(np.repeat(centres, repeats, axis=0))
    return np.concatenate(rows)


ANCHORS = _make_anchors()


def _merge(candidates: list[Face]) -> list[Face]:
    """One face, one box: means of groups may overlap as their members did not, so until none do."""
    merged = _grouped(candidates)
    while len(again := _grouped(merged)) < len(merged):
        merged = again
    return merged


def _grouped(candidates: list[Face]) -> list[Face]:
    """Weighted non-maximum suppression: each group becomes its mean, weighted by confidence."""
    rest = sorted(candidates, key=lambda face: face.confidence, reverse=True)[:MAX_CANDIDATES]
    boxes = np.array([face.box for face in rest]).reshape(-1, 4)
    merged = []
    while rest:
        union, inside = _overlaps(boxes[0], boxes)
        members = np.flatnonzero(union > MAX_OVERLAP)
        # A find that takes the face for upside down is none to average with.
        group = [rest[i] for i in members if _alike(rest[i].turn, rest[0].turn)] or rest[:1]
        weights = np.array([face.confidence for face in group])
        box = np.average([face.box for face in group], axis=0, weights=weights)
        keypoints = np.average([face.keypoints for face in group], axis=0, weights=weights)
        left, top, right, bottom = box.tolist()
        merged.append(Face((left, top, right, bottom), keypoints, rest[0].confidence))
        left_over = (union <= MAX_OVERLAP) & (inside <= MAX_INSIDE)
        left_over[0] = False
        rest = [rest[index] for index in np.flatnonzero(left_over)]
        boxes = boxes[left_over]
    return merged


def _is_within(box: tuple[float, float, float, float], face: Face) -> bool:
    """Whether the middle of a face lies in a box."""
    left, top, right, bottom = face.box
    x, y = (left + right) / 2, (top + bottom) / 2
    return box[0] < x < box[2] and box[1] < y < box[3]


def _alike(turn: float, other: float) -> bool:
    return abs((turn - other + 180) % 360 - 180) < 60


def _overlaps(box: np.ndarray, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(intersection over union, intersection over the smaller box) of a box with each box."""
    extent = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
    shared = np.clip(extent, 0.0, None).prod(axis=1)
    area, areas = (box[2:] - box[:2]).prod(), (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    union = shared / np.maximum(area + areas - shared, 1e-9)
    return union, shared / np.maximum(np.minimum(area, areas), 1e-9)
