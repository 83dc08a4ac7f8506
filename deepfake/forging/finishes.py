"""How portrait photographers light and finish a picture, the same for both classes.

A spot on the face, a side in the dark, glow, softened skin, strong local contrast, toned black and
white: most training faces are snapshots or generated ones, and a network that is not shown these on
both classes takes the photographer's hand for a sign of forgery (docs/model-2.md, "The fourteenth
day").
"""

from __future__ import annotations

import numpy as np

from deepfake.opencv import cv2


def finish(pixels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Light and finish a portrait in one to three ways.

    Spot, side light, softened skin, glow, local contrast, bent tones, toning.

    Args:
        pixels: uint8 array (side, side, 3), RGB: a square crop around a face.
        random: Generator. Source of all choices; none of them looks at the pixels, so that a real
            face and its forgery get the same.

    Returns:
        uint8 array of the same shape.
    """
    count = 1 + int(random.random() < 0.5) + int(random.random() < 0.25)
    for kind in sorted(random.choice(len(KINDS), count, replace=False).tolist()):
        pixels = KINDS[kind](pixels, random)
    return pixels


# Shares of the side below are of crops of .9 to 1.4 face boxes, whose middle is the face, and were
# chosen by eye on some hundred of them.


def spot(pixels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Let the light fall off from the face to the corners, as under a studio's or stage's lamp."""
    x, y = _places(pixels)
    across, down = random.uniform((0.38, 0.3), (0.62, 0.6)).tolist()
    wide, high = random.uniform((0.3, 0.35), (0.6, 0.7)).tolist()
    dark = float(np.exp(random.uniform(np.log(0.04), np.log(0.5))))
    distance = np.hypot((x - across) / wide, (y - down) / high)
    return _lit(pixels, dark + (1 - dark) * _smooth_step(1.6 - distance))


def side_light(pixels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Leave one side of the face in shadow, or what is above or below its middle."""
    x, y = _places(pixels)
    angle = float(random.normal(0.0, 0.4)) + float(np.pi / 2) * int(random.integers(4))
    middle, span = float(random.uniform(-0.25, 0.2)), float(random.uniform(0.1, 0.6))
    dark = float(np.exp(random.uniform(np.log(0.06), np.log(0.5))))
    along = (x - 0.5) * float(np.cos(angle)) + (y - 0.5) * float(np.sin(angle))
    return _lit(pixels, dark + (1 - dark) * _smooth_step((along - middle) / span + 0.5))


def soften(pixels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Smooth the skin and keep the edges, with part of the grain laid back over it."""
    radius = max(1, round(pixels.shape[0] * float(random.uniform(0.008, 0.02))))
    colours, share = float(random.uniform(12, 45)), float(random.uniform(0.4, 0.95))
    soft = cv2.bilateralFilter(pixels, 2 * radius + 1, colours, radius / 1.5)
    return np.array(cv2.addWeighted(soft, share, pixels, 1 - share, 0))


def glow(pixels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Screen a blurred copy over the picture, as soft-focus filters do."""
    sigma = pixels.shape[0] * float(np.exp(random.uniform(np.log(0.008), np.log(0.06))))
    share = float(random.uniform(0.15, 0.6))
    blurred = cv2.GaussianBlur(pixels, (0, 0), sigma).astype(np.float32) / 255
    lit = 1 - (1 - pixels.astype(np.float32) / 255) * (1 - share * blurred)
    # The middle tones come back to about what they were; white stays white.
    return np.array(lit ** (1 + 0.7 * share) * 255 + 0.5, np.uint8)


def clarity(pixels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Raise the contrast between neighbouring regions ("clarity", high dynamic range).

    Not by equalising histograms, which would do other things to a forgery than to its original.
    """
    sigma = pixels.shape[0] * float(np.exp(random.uniform(np.log(0.02), np.log(0.1))))
    return sharpen(pixels, float(random.uniform(0.2, 0.9)), sigma)


def curve(pixels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Bend the tones: more contrast, black that is grey, or shadows that are lost."""
    x = np.arange(256, dtype=np.float32) / 255
    kind = random.random()
    if kind < 0.4:
        steep = float(random.uniform(3, 8))
        y = 1 / (1 + np.exp(-steep * (x - float(random.uniform(0.4, 0.6)))))
        y = (y - y[0]) / (y[-1] - y[0])
    elif kind < 0.7:
        black, white = random.uniform((0.05, 0.85), (0.25, 1.0)).tolist()
        y = black + (white - black) * x
    else:
        black = float(random.uniform(0.05, 0.3))
        y = (x - black) * float(random.uniform(1.0, 1 / (1 - black)))
    return np.array(cv2.LUT(pixels, np.clip(y * 255 + 0.5, 0, 255).astype(np.uint8)))


def tone(pixels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Tint shadows and lights (split toning); four times in ten what is tinted is black and white.

    Of black and white pictures one in four has no tint.
    """
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)[..., None].astype(np.float32) / 255
    shadows = np.float32(random.uniform(0.0, 0.25, 3))
    lights = np.float32(1 - random.uniform(0.0, 0.4, 3))
    share = np.float32(random.uniform(0.1, 0.7))
    base = pixels.astype(np.float32) / 255
    if random.random() < 0.4:
        base = np.repeat(grey, 3, axis=2)
        share *= np.float32(random.random() < 0.75)
    tint = shadows * (1 - grey) + lights * grey
    return np.array((base * (1 - share) + tint * share) * 255 + 0.5, np.uint8)


# In the order in which they come about: light first, the tone of the print last. Each takes and
# returns uint8 (side, side, 3), RGB, and leaves what it is given.
KINDS = (spot, side_light, soften, glow, clarity, curve, tone)


def sharpen(pixels: np.ndarray, amount: float, sigma: float = 1.0) -> np.ndarray:
    """Unsharp mask; sigma of its Gaussian in pixels."""
    soft = cv2.GaussianBlur(pixels, (0, 0), sigma)
    return np.array(cv2.addWeighted(pixels, 1 + amount, soft, -amount, 0))


def _places(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where each pixel is, across and down, as shares of the side: float32 arrays (side, side)."""
    side = pixels.shape[0]
    y, x = np.mgrid[0:side, 0:side].astype(np.float32) / side
    return x, y


def _lit(pixels: np.ndarray, light: np.ndarray) -> np.ndarray:
    """Multiply by light, float32 (side, side), 0 to 1."""
    return np.array(pixels * light[..., None] + 0.5, np.uint8)


def _smooth_step(x: np.ndarray) -> np.ndarray:
    """Rise from 0 at 0 to 1 at 1, level at both ends."""
    x = np.clip(x, 0, 1)
    return np.array(x * x * (3 - 2 * x), np.float32)
