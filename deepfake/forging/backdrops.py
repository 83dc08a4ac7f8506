"""Other backgrounds behind a face, the same for both classes.

Studios, passport photos, cut-out profile pictures, calls with a virtual background: plain, dark,
white, blurred. Hardly any training face has one, so a network that is not shown them takes a plain
background, or the edge of a head before it, for a sign of forgery (docs/model-2.md, "The thirteenth
day").
"""

from __future__ import annotations

import numpy as np

from deepfake.opencv import cv2

# Centre and half axes of ellipses, as shares of the side of a crop of 1.3 face boxes, chosen by eye
# on some hundred faces: what is surely the person, and what is more likely so than not, the head
# and the shoulders.
USUAL = 1.3
SURE = ((0.5, 0.52), (0.24, 0.33))
PERSON = (((0.5, 0.47), (0.42, 0.52)), ((0.5, 1.15), (0.75, 0.4)))
# Of the crop's side, at its upper corners: surely behind the person, but in crops (in face boxes)
# that the head fills.
CORNER, WIDE = 0.12, 1.15
# Pixels that the person is looked for in: more tell no better where the head ends.
SIDE = 112
ROUNDS = 2


def backdrop(pixels: np.ndarray, random: np.random.Generator, crop: float = USUAL) -> np.ndarray:
    """Put another background behind the person of a crop.

    The person is found by GrabCut (Rother, Kolmogorov, Blake 2004) from where heads and shoulders
    are in crops. It errs with hair and hats, as the programs do that cut people out; a head that
    fills the crop hides all of the background.

    Args:
        pixels: uint8 array (side, side, 3), RGB: a square crop around an upright face.
        random: Generator. Source of all choices; none of them looks at the pixels, so that a real
            face and its forgery get the same background. Where the head ends is found in each.
        crop: float. Side of the crop in face boxes.

    Returns:
        uint8 array of the same shape.
    """
    wanted = _background(pixels, random)
    unit = pixels.shape[0] / 224
    grow = float(random.normal(0.0, 1.5)) * unit
    soft = float(np.exp(random.uniform(np.log(0.4), np.log(6.0)))) * unit
    person = _person(pixels, USUAL / crop)
    # Signed distance to the edge: inside positive. OpenCV's is endless where there is no edge.
    distance = cv2.distanceTransform(person, cv2.DIST_L2, 3).clip(0, pixels.shape[0])
    distance -= cv2.distanceTransform(1 - person, cv2.DIST_L2, 3).clip(0, pixels.shape[0])
    weight = 1 / (1 + np.exp(np.clip(-(distance + grow) / soft, -50, 50)))[..., None]
    return np.array(pixels * weight + wanted * (1 - weight) + 0.5, np.uint8)


def _person(pixels: np.ndarray, scale: float) -> np.ndarray:
    """1 where the person is, 0 behind: uint8 array (side, side)."""
    small = cv2.resize(pixels, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    mask = np.full((SIDE, SIDE), cv2.GC_PR_BGD, np.uint8)
    for ellipse in PERSON:
        _fill(mask, ellipse, scale, cv2.GC_PR_FGD)
    if scale <= USUAL / WIDE:
        corner = round(CORNER * SIDE)
        mask[:corner, :corner] = mask[:corner, -corner:] = cv2.GC_BGD
    _fill(mask, SURE, scale, cv2.GC_FGD)
    # GrabCut draws from OpenCV's generator of this thread, which nothing else of ours uses.
    cv2.setRNGSeed(0)
    if np.any(mask & 1 == 0):
        cv2.grabCut(small, mask, None, np.zeros((1, 65)), np.zeros((1, 65)), ROUNDS)
    person = cv2.medianBlur((mask & 1).astype(np.uint8), 5)
    size = pixels.shape[1], pixels.shape[0]
    return np.array(cv2.resize(person * 255, size, interpolation=cv2.INTER_CUBIC) > 127, np.uint8)


def _fill(
    mask: np.ndarray, ellipse: tuple[tuple[float, float], ...], scale: float, value: int
) -> None:
    """Draw an ellipse, `scale` times as large as in the usual crop, around the middle."""
    (x, y), axes = ellipse
    middle = round((0.5 + (x - 0.5) * scale) * SIDE), round((0.5 + (y - 0.5) * scale) * SIDE)
    cv2.ellipse(mask, middle, [round(a * scale * SIDE) for a in axes], 0, 0, 360, value, -1)


def _background(pixels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Plain, white, dark, graded from one colour to another, or its own, blurred and darkened.

    float32 array of the shape of `pixels`, 0 to 255.
    """
    side = pixels.shape[0]
    kind = random.random()
    if kind < 0.25:
        own = cv2.GaussianBlur(pixels, (0, 0), side * float(random.uniform(0.03, 0.12)))
        return np.array(own * random.uniform(0.05, 1.0), np.float32)
    colours = random.uniform(0, 256, (2, 1, 1, 3))
    colours = colours.mean() + (colours - colours.mean()) * random.uniform(0, 1)
    if kind < 0.45:
        colours = random.uniform(225, 256) + random.uniform(-6, 6, (2, 1, 1, 3))
    elif kind < 0.7:
        colours = random.uniform(0, 40) + random.uniform(-12, 12, (2, 1, 1, 3))
    if random.random() < 0.5:
        # Plain, but for what a wall or a sensor adds.
        colours[1] = colours[0] + random.uniform(-8, 8)
    y, x = np.mgrid[0:side, 0:side].astype(np.float32) / side
    if random.random() < 0.5:
        angle = random.uniform(0, 2 * np.pi)
        share = (x - 0.5) * np.cos(angle) + (y - 0.5) * np.sin(angle) + 0.5
    else:
        share = 1.3 * np.hypot(x - random.uniform(0.2, 0.8), y - random.uniform(0.1, 0.7))
    share = np.clip(share, 0, 1)[..., None]
    plain = colours[0] * (1 - share) + colours[1] * share
    noise = random.standard_normal(plain.shape, np.float32) * random.uniform(0, 3)
    return np.array(np.clip(plain + noise, 0, 255), np.float32)
