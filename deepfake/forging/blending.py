"""Face swaps made from real faces only, so that a network sees blending traces of every kind.

* Self-blended images (Shiohara & Yamasaki 2022, arXiv 2204.08376): a face is blended into a
  slightly changed copy of itself. What is left to learn is the seam and the mismatch of the two
  sides, not who the person is.
* Mesh-driven swaps: another person's face, or only the eyes, nose or mouth, is warped onto the
  mesh of the first (piecewise-affine), matched in colour (Reinhard et al. 2001) and blended.
* Reenactment: the person's own mouth, eyes, brows or nose are moved along the mesh, as expression
  transfer and retouching tools do, and blended back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.interpolate import LinearNDInterpolator
from scipy.spatial import Delaunay, QhullError

from deepfake.forging import augmentation, finishes
from deepfake.forging.face_reader import TrainingFace
from deepfake.mesh import FACE_OVAL, LEFT_BROW, LEFT_EYE, LIPS, NOSE, RIGHT_BROW, RIGHT_EYE
from deepfake.opencv import cv2

EYES = (RIGHT_EYE + RIGHT_BROW, LEFT_EYE + LEFT_BROW)
# Groups of convex regions that a forger exchanges; weights lean to whole faces.
REGIONS: tuple[tuple[tuple[int, ...], ...], ...] = (
    (FACE_OVAL,),
    (RIGHT_EYE + RIGHT_BROW + LEFT_EYE + LEFT_BROW + NOSE + LIPS,),
    EYES,
    (RIGHT_EYE + RIGHT_BROW + LEFT_EYE + LEFT_BROW,),
    (LIPS,),
    (NOSE,),
    (*EYES, LIPS),
    (NOSE + LIPS,),
)
REGION_WEIGHTS = np.array([0.4, 0.2, 0.1, 0.06, 0.08, 0.06, 0.05, 0.05])
# The paper's blending ratios: full strength half of the time.
BLEND_RATIOS = (0.4, 0.6, 0.8, 1.0, 1.0, 1.0)
# The piecewise-affine map is exact at every fourth pixel and interpolated between.
MAP_STEP = 4


def fakes_of(reals: Sequence[TrainingFace], random: np.random.Generator) -> list[TrainingFace]:
    """A fake of each face: self-blended and swapped in turns.

    Args:
        reals: sequence of TrainingFace.
        random: Generator. Source of all choices.

    Returns:
        As many fakes, in the same order.
    """
    fakes = []
    for index, face in enumerate(reals):
        if index % 2 and len(reals) > 1:
            step = int(random.integers(1, len(reals)))
            fakes.append(swap(face, reals[(index + step) % len(reals)], random))
        else:
            fakes.append(self_blend(face, random))
    return fakes


def self_blend(face: TrainingFace, random: np.random.Generator) -> TrainingFace:
    """Blend a face into a changed copy of itself.

    Args:
        face: TrainingFace. A real face.
        random: Generator. Source of all choices: the same state gives the same picture.

    Returns:
        The fake: same size, box and mesh; label 1; source "self_blend".
    """
    source, target = face.pixels, face.pixels
    changed = _change_look(face.pixels, random)
    if random.random() < 0.5:
        source = changed
    else:
        target = changed
    source = _move(source, random)
    mask = blend_mask(face, random)
    pixels = mix(source, target, mask * random.choice(BLEND_RATIOS))
    return replace(face, pixels=pixels, label=1, source="self_blend")


def reenact(face: TrainingFace, random: np.random.Generator) -> TrainingFace:
    """Change an expression or a shape: move features of a face along its own mesh.

    Args:
        face: TrainingFace. A real face.
        random: Generator. Source of all choices.

    Returns:
        The fake: same size, box and mesh; label 1; source "reenactment".
    """
    mask = blend_mask(face, random, (FACE_OVAL,))
    warped = warp(face.pixels, face.mesh, _expression(face.mesh, random), face.pixels.shape[:2])
    if random.random() < 0.5:
        # Reenactment networks return the face at their own resolution and colour.
        warped = _change_look(warped, random)
    pixels = mix(warped, face.pixels, mask)
    return replace(face, pixels=pixels, label=1, source="reenactment")


def _expression(mesh: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The mesh with one to three features scaled, turned and shifted, fading with distance."""
    moved = mesh.astype(np.float64)
    size = float(max(np.ptp(mesh[:, 0]), np.ptp(mesh[:, 1]), 8.0))
    features = (LIPS, RIGHT_EYE + RIGHT_BROW, LEFT_EYE + LEFT_BROW, NOSE, EYES[0] + EYES[1])
    for index in random.choice(len(features), int(random.integers(1, 4)), replace=False):
        points = mesh[list(features[index])]
        centre, reach = points.mean(axis=0), float(np.ptp(points, axis=0).max()) / 2 + 0.08 * size
        offset = mesh - centre
        fade = np.exp(-0.5 * (np.linalg.norm(offset, axis=1) / reach) ** 2)[:, None]
        angle = random.normal(0.0, 0.08)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        stretched = offset @ turn * random.uniform(0.8, 1.25, 2)
        shift = random.normal(0.0, 0.02 * size, 2)
        moved += fade * (stretched - offset + shift)
    return moved.astype(mesh.dtype)


def swap(face: TrainingFace, donor: TrainingFace, random: np.random.Generator) -> TrainingFace:
    """Put the donor's face, or parts of it, onto another person's.

    Args:
        face: TrainingFace. The person who seems to be in the result.
        donor: TrainingFace. The person whose features are taken.
        random: Generator. Source of all choices.

    Returns:
        The fake: same size, box and mesh as `face`; label 1; source "face_swap".
    """
    warped = warp(donor.pixels, donor.mesh, face.mesh, face.pixels.shape[:2])
    if random.random() < 0.3:
        warped = _change_look(warped, random)
    mask = blend_mask(face, random)
    if mask.max() == 0.0:
        return self_blend(face, random)
    if random.random() < 0.8:
        warped = match_colour(warped, face.pixels, mask)
    if random.random() < 0.2:
        pixels = _poisson(warped, face.pixels, mask)
    else:
        pixels = mix(warped, face.pixels, mask * random.choice(BLEND_RATIOS[2:]))
    return replace(face, pixels=pixels, label=1, source="face_swap")


def warp(
    pixels: np.ndarray, mesh: np.ndarray, target_mesh: np.ndarray, shape: tuple[int, int]
) -> np.ndarray:
    """Warp a face onto another mesh, triangle by triangle.

    Args:
        pixels: uint8 array (height, width, 3). The donor.
        mesh: float array (468, 2). Its mesh.
        target_mesh: float array (468, 2). Where the points shall come to lie.
        shape: (height, width) of the result.

    Returns:
        uint8 array (*shape, 3); around the mesh it goes on smoothly.
    """
    height, width = shape
    y, x = np.mgrid[0 : height + MAP_STEP : MAP_STEP, 0 : width + MAP_STEP : MAP_STEP]
    try:
        triangles = Delaunay(_with_surroundings(target_mesh))
    except QhullError:  # a mesh without area
        return np.array(cv2.resize(pixels, (width, height)))
    lookup = LinearNDInterpolator(triangles, _with_surroundings(mesh), fill_value=0.0)
    coarse = lookup(x, y).astype(np.float32)
    rows = np.arange(height, dtype=np.float32)[:, None] / MAP_STEP + np.zeros(width, np.float32)
    columns = np.arange(width, dtype=np.float32)[None] / MAP_STEP + np.zeros(
        (height, 1), np.float32
    )
    where = cv2.remap(coarse, columns, rows.astype(np.float32), cv2.INTER_LINEAR)
    return np.array(
        cv2.remap(pixels, where, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    )


def _with_surroundings(mesh: np.ndarray) -> np.ndarray:
    """The mesh and two rings around it, so that soft masks may reach beyond the face."""
    oval = mesh[list(FACE_OVAL)]
    centre = oval.mean(axis=0)
    rings = [centre + (oval - centre) * growth for growth in (1.5, 4.0)]
    return np.concatenate([mesh, *rings]).astype(np.float64)


def blend_mask(
    face: TrainingFace,
    random: np.random.Generator,
    regions: tuple[tuple[int, ...], ...] | None = None,
) -> np.ndarray:
    """A soft mask over the face or some of its features.

    Args:
        face: TrainingFace. Its mesh gives the outline.
        random: Generator. Chooses region, deformation and softness.
        regions: tuple of tuples of mesh indices, each the hull of one region. Defaults to a random
            choice of the whole face or of some features.

    Returns:
        float32 array (height, width) in [0, 1].
    """
    height, width = face.pixels.shape[:2]
    size = float(max(np.ptp(face.mesh[:, 0]), np.ptp(face.mesh[:, 1]), 8.0))
    if regions is None:
        regions = REGIONS[random.choice(len(REGIONS), p=REGION_WEIGHTS / REGION_WEIGHTS.sum())]
    mask = np.zeros((height, width), np.float32)
    growth = random.uniform(0.92, 1.12) if len(regions[0]) > 24 else random.uniform(1.05, 1.5)
    for region in regions:
        points = face.mesh[list(region)]
        points = points.mean(axis=0) + (points - points.mean(axis=0)) * growth
        points = points + random.normal(0.0, 0.008 * size, points.shape)
        cv2.fillConvexPoly(mask, cv2.convexHull(points.astype(np.int32)), 1.0)
    mask = _elastic(mask, random, strength=0.03 * size)
    # Blur, cut at a random level (which shrinks or grows the outline), and blur again.
    mask = _blur(mask, random.uniform(0.005, 0.05) * size)
    mask = np.clip(mask / random.uniform(0.3, 1.0), 0.0, 1.0)
    return _blur(mask, random.uniform(0.003, 0.06) * size)


def match_colour(source: np.ndarray, target: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Give the source the target's mean and spread of colour within the mask (Reinhard 2001).

    Args:
        source: uint8 array (height, width, 3).
        target: uint8 array of the same shape.
        mask: float array (height, width). Only where it is above one half is measured.

    Returns:
        uint8 array of the same shape.
    """
    inside = mask > min(0.5, float(mask.max()) / 2)
    lab_source = cv2.cvtColor(source, cv2.COLOR_RGB2LAB).astype(np.float32)
    lab_target = cv2.cvtColor(target, cv2.COLOR_RGB2LAB).astype(np.float32)
    here, there = lab_source[inside], lab_target[inside]
    spread = there.std(axis=0) / np.maximum(here.std(axis=0), 1.0)
    moved = (lab_source - here.mean(axis=0)) * np.clip(spread, 0.5, 2.0) + there.mean(axis=0)
    lab = np.clip(moved, 0, 255).astype(np.uint8)
    return np.array(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB))


def mix(source: np.ndarray, target: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Lay one picture over another.

    Args:
        source: uint8 array (height, width, 3). Seen where the mask is 1.
        target: uint8 array of the same shape. Seen where it is 0.
        mask: float array (height, width) in [0, 1].

    Returns:
        uint8 array of the same shape.
    """
    weight = mask[..., None]
    mixed = source * weight + target * (1.0 - weight)
    return np.array(np.clip(mixed + 0.5, 0, 255).astype(np.uint8))


def _poisson(source: np.ndarray, target: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Gradient-domain blending (Pérez et al. 2003); feathered where the mask meets the border."""
    binary = (mask > 0.5).astype(np.uint8) * 255
    binary[[0, -1], :] = 0
    binary[:, [0, -1]] = 0
    x, y, width, height = cv2.boundingRect(binary)
    if width < 8 or height < 8:
        return mix(source, target, mask)
    centre = (x + width // 2, y + height // 2)
    try:
        return np.array(cv2.seamlessClone(source, target, binary, centre, cv2.NORMAL_CLONE))
    except cv2.error:
        return mix(source, target, mask)


def _move(pixels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Shift, scale and bend a little: the two sides of a forgery never fit exactly."""
    height, width = pixels.shape[:2]
    scale = random.uniform(0.96, 1.04)
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), random.uniform(-1.5, 1.5), scale)
    matrix[:, 2] += random.uniform(-0.02, 0.02, 2) * (width, height)
    moved = cv2.warpAffine(
        pixels, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )
    return _elastic(moved, random, strength=0.006 * width) if random.random() < 0.5 else moved


def _elastic(pixels: np.ndarray, random: np.random.Generator, strength: float) -> np.ndarray:
    """Bend along a smooth random field of about `strength` pixels (Simard et al. 2003)."""
    height, width = pixels.shape[:2]
    grid = random.normal(0.0, strength, (8, 8, 2)).astype(np.float32)
    field = cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    return np.array(
        cv2.remap(
            pixels, x + field[..., 0], y + field[..., 1], cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REFLECT_101 if pixels.ndim == 3 else cv2.BORDER_CONSTANT,
        )
    )  # fmt: skip


def _blur(mask: np.ndarray, sigma: float) -> np.ndarray:
    return np.array(cv2.GaussianBlur(mask, (0, 0), max(sigma, 0.3)))


def _change_look(pixels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The source-target transform of self-blended images: colour, then sharpness."""
    changed = augmentation.jitter_colour(pixels, random, strength=0.7)
    choice = random.random()
    if choice < 0.35:
        changed = augmentation.shrink_and_enlarge(changed, random, random.uniform(0.35, 0.85))
    elif choice < 0.6:
        changed = finishes.sharpen(changed, random.uniform(0.3, 1.2))
    elif choice < 0.75:
        changed = augmentation.compress(changed, random, 40, 90)
    elif choice < 0.85:
        changed = augmentation.blur(changed, random.uniform(0.4, 1.2))
    return changed


# A donor is the best of this many random faces.
CANDIDATES = 10


def look(face: TrainingFace) -> np.ndarray:
    """Pose (the mesh, centred and scaled) and colour of a face.

    Args:
        face: TrainingFace.

    Returns:
        float array (294,); the mean absolute difference of two tells how alike the faces are.
    """
    mesh = face.mesh[::4]
    pose = (mesh - mesh.mean(axis=0)) / max(float(mesh.std()), 1e-6)
    left, top, right, bottom = np.clip(face.box, 0, None).astype(int)
    colour = face.pixels[top : bottom + 1, left : right + 1].mean(axis=(0, 1)) / 128.0
    return np.concatenate([pose.ravel(), np.repeat(colour, 20)])


def choose_donor(
    wanted: np.ndarray,
    looks: Sequence[np.ndarray],
    allowed: Sequence[int] | np.ndarray,
    random: np.random.Generator,
) -> int | None:
    """Choose a donor.

    Args:
        wanted: float array. Look of the face that is to be changed.
        looks: sequence of arrays. Looks of all faces.
        allowed: sequence or array of int. Indices of those that may be taken.
        random: Generator. Draws the candidates.

    Returns:
        An index; None where nobody is allowed.
    """
    if not len(allowed):
        return None
    candidates = [int(allowed[int(i)]) for i in random.integers(0, len(allowed), CANDIDATES)]
    distances = [float(np.abs(looks[index] - wanted).mean()) for index in candidates]
    return candidates[int(np.argmin(distances))]
