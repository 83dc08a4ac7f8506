"""What pages, apps and papers put around and over a photograph, the same for both classes.

Frames, a strip of the neighbouring picture, captions, watermarks, round avatars, buttons. Fakes
reach a training set through figures and galleries, reals through albums; a network that is not
shown such things on both classes takes a white bar below a chin for a sign of forgery, and a
watermark for a sign of none (docs/model-2.md, "The twelfth day").
"""

from __future__ import annotations

import string

import numpy as np

from deepfake.opencv import cv2

SIDES = ("top", "bottom", "left", "right")
FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_PLAIN, cv2.FONT_HERSHEY_TRIPLEX,
)  # fmt: skip
LETTERS = string.ascii_letters + string.digits + "   .,-!?@"
# Where a badge is, as a share of the side: at the far end or at the near one.
CORNERS = ((0.8, 0.97), (0.03, 0.2))
Colour = tuple[int, int, int]


def overlay(pixels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Put one or two of the things above around or over a picture.

    Args:
        pixels: uint8 array (height, width, 3), RGB.
        random: Generator. Source of all choices; none of them looks at the pixels, so that a real
            face and its forgery get the same.

    Returns:
        uint8 array of the same shape.
    """
    pixels = pixels.copy(order="C")
    for _ in range(1 + int(random.random() < 0.25)):
        kind = random.choice(len(KINDS), p=SHARES)
        pixels = KINDS[kind](pixels, random)
    return pixels


def frame(pixels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Cover one to four of the sides by bars of one colour."""
    colour = _colour(random)
    for side in _sides(random):
        _side_of(pixels, side, _width(pixels, random))[:] = colour
    return pixels


def strip(pixels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Show the edge of a neighbouring picture at one or two sides, often behind a line.

    The neighbour is the picture's own other half in other colours.
    """
    neighbour = np.roll(pixels, pixels.shape[0] // 2, axis=0)[:, ::-1]
    tones = random.uniform(0.6, 1.3, 3)
    neighbour = np.clip(neighbour * tones, 0, 255).astype(np.uint8)
    line, colour = random.random() < 0.6, _colour(random)
    for side in _sides(random)[:2]:
        wide = _width(pixels, random)
        gap = max(1, round(wide * random.uniform(0.1, 0.5))) if line else 0
        _side_of(pixels, side, wide + gap)[:] = colour
        _side_of(pixels, side, wide)[:] = _side_of(neighbour, side, wide)
    return pixels


def caption(pixels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Write a line of text on a bar, opaque or not, below or above."""
    height = pixels.shape[0]
    bar = round(height * random.uniform(0.06, 0.18))
    bottom = random.random() < 0.75
    place = pixels[height - bar :] if bottom else pixels[:bar]
    opacity = 1.0 if random.random() < 0.7 else random.uniform(0.3, 0.9)
    colour = _colour(random)
    place[:] = (place * (1 - opacity) + np.array(colour) * opacity + 0.5).astype(np.uint8)
    dark = sum(colour) < 3 * 128
    _write(place, random, (245, 245, 245) if dark else (25, 25, 25), bar * 0.6, 0.7)
    return pixels


def text(pixels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Write one to three lines over the picture, mostly away from its middle."""
    height = pixels.shape[0]
    for _ in range(int(random.integers(1, 4))):
        size = height * random.uniform(0.04, 0.12)
        at = random.uniform(0.02, 0.25) if random.random() < 0.3 else random.uniform(0.7, 0.97)
        top = round(np.clip(at * height - size, 0, height - size))
        place = pixels[top : top + max(4, round(1.4 * size))]
        _write(place, random, _colour(random), size, random.uniform(0.1, 0.8))
    return pixels


def watermark(pixels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Repeat a word over the whole picture, slanted and half transparent."""
    height, width = pixels.shape[:2]
    layer = np.zeros((2 * height, 2 * width), np.uint8)
    word = _word(random, int(random.integers(4, 10)))
    scale = height / 224 * random.uniform(0.4, 1.2)
    font, heavy = FONTS[random.integers(len(FONTS))], int(random.integers(1, 3))
    across, down = (int(height * random.uniform(low, 1.3)) for low in (0.5, 0.2))
    for y in range(down, 2 * height, max(12, down)):
        for x in range(0, 2 * width, max(24, across)):
            cv2.putText(layer, word, (x, y), font, scale, 255, heavy, cv2.LINE_AA)
    turn = cv2.getRotationMatrix2D((width, height), float(random.uniform(-45, 45)), 1.0)
    turn[:, 2] -= (width / 2, height / 2)
    mask = cv2.warpAffine(layer, turn, (width, height))[..., None] / 255
    mask = mask * random.uniform(0.1, 0.5)
    ink = 255.0 if random.random() < 0.8 else 0.0
    return np.array((pixels * (1 - mask) + ink * mask + 0.5).astype(np.uint8))


def avatar(pixels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Keep a disc or a square with round corners, as profile pictures are shown."""
    height, width = pixels.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    half = min(height, width) / 2 * random.uniform(0.92, 1.02)
    corner = half if random.random() < 0.6 else half * random.uniform(0.1, 0.6)
    beyond = [
        np.maximum(np.abs(axis - (length - 1) / 2) - (half - corner), 0)
        for axis, length in ((y, height), (x, width))
    ]
    mask = np.clip(corner - np.hypot(*beyond) + 0.5, 0, 1)[..., None]
    return np.array((pixels * mask + np.array(_colour(random)) * (1 - mask) + 0.5).astype(np.uint8))


def button(pixels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Draw a badge, a logo or the line of a player, mostly near a corner."""
    height, width = pixels.shape[:2]
    size = round(min(height, width) * random.uniform(0.04, 0.12))
    x, y = (
        int(length * random.uniform(*CORNERS[int(random.random() < 0.5)]))
        for length in (width, height)
    )
    colour, shape = _colour(random), random.integers(3)
    if shape == 0:
        cv2.circle(pixels, (x, y), size, colour, -1, cv2.LINE_AA)
        cv2.circle(pixels, (x, y), max(1, size // 2), _colour(random), -1, cv2.LINE_AA)
    elif shape == 1:
        cv2.rectangle(pixels, (x - size, y - size), (x + size, y + size), colour, -1)
        _write(
            pixels[max(0, y - size // 2) :][:size, max(0, x - size) : x + size],
            random, _colour(random), size, 0.0,
        )  # fmt: skip
    else:
        line = height - max(2, size // 2)
        cv2.line(pixels, (0, line), (width, line), (110, 110, 110), max(1, size // 4))
        cv2.line(pixels, (0, line), (x, line), colour, max(1, size // 4))
    return pixels


# Each takes a uint8 array (height, width, 3), C-contiguous, which it may change, and returns one.
KINDS = (frame, strip, caption, text, watermark, avatar, button)
SHARES = (0.28, 0.2, 0.17, 0.09, 0.09, 0.09, 0.08)


def _colour(random: np.random.Generator) -> Colour:
    """White half of the time, else black, grey or any."""
    choice = random.random()
    if choice < 0.5:
        return 255, 255, 255
    if choice < 0.7:
        return (int(random.integers(0, 40)),) * 3
    if choice < 0.85:
        return (int(random.integers(40, 250)),) * 3
    red, green, blue = (int(value) for value in random.integers(0, 256, 3))
    return red, green, blue


def _sides(random: np.random.Generator) -> list[str]:
    """One side mostly, the lower one most often; else two, or all."""
    choice = random.random()
    if choice < 0.3:
        return ["bottom"]
    if choice < 0.6:
        return [SIDES[random.integers(4)]]
    if choice < 0.7:
        return ["top", "bottom"]
    if choice < 0.8:
        return ["left", "right"]
    order = [SIDES[n] for n in random.permutation(4)]
    return order[:2] if choice < 0.9 else order


def _width(pixels: np.ndarray, random: np.random.Generator) -> int:
    """From a line to a seventh of the side, small ones as often as large ones."""
    share = float(np.exp(random.uniform(np.log(0.006), np.log(0.14))))
    shorter: int = min(pixels.shape[:2])
    return max(1, round(shorter * share))


def _side_of(pixels: np.ndarray, side: str, width: int) -> np.ndarray:
    """A view of the outermost `width` rows or columns."""
    return {
        "top": pixels[:width], "bottom": pixels[-width:],
        "left": pixels[:, :width], "right": pixels[:, -width:],
    }[side]  # fmt: skip


def _word(random: np.random.Generator, letters: int) -> str:
    return "".join(random.choice(list(LETTERS), letters))


def _write(
    place: np.ndarray, random: np.random.Generator, colour: Colour, height: float, left: float
) -> None:
    """Write a random line into a view of the picture; height in pixels, left as a share."""
    rows, columns = place.shape[:2]
    if rows < 4 or columns < 8:
        return
    # A capital of the Hershey fonts is about 22 pixels high at scale 1, 12 of PLAIN.
    font = FONTS[random.integers(len(FONTS))]
    scale = height / (12 if font == cv2.FONT_HERSHEY_PLAIN else 22) * 0.8
    line = np.ascontiguousarray(place)
    at = (int(left * columns * random.random()), round(rows / 2 + height * 0.4))
    words = _word(random, int(random.integers(4, 30)))
    cv2.putText(line, words, at, font, scale, colour, 1 + int(scale > 0.9), cv2.LINE_AA)
    place[:] = line
