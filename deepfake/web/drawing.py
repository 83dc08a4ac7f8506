"""The picture with its faces marked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from deepfake.report import FaceReport
from deepfake.verdict import Verdict, percent

# What is sent to the browser; larger pictures are shown smaller.
SHOWN_SIDE = 1280
# Okabe & Ito's colours, told apart with every common colour blindness; the tag says it in words.
COLOURS: dict[Verdict, str] = {
    "fake": "#d55e00",
    "uncertain": "#b07d00",
    "real": "#0072b2",
    "not_applicable": "#5f6670",
}
# Around a face that was turned back to be judged.
BESIDE = (127, 127, 127)
WORDS: dict[Verdict, str] = {
    "fake": "fake",
    "uncertain": "uncertain",
    "real": "real",
    "not_applicable": "not judged",
}


def shrink(pixels: np.ndarray) -> tuple[np.ndarray, float]:
    """Make a picture small enough to show.

    Args:
        pixels: uint8 array (height, width, 3).

    Returns:
        The smaller picture, and its size as a share of the original's.
    """
    height, width = pixels.shape[:2]
    share = min(1.0, SHOWN_SIDE / max(height, width))
    if share == 1.0:
        return pixels, share
    size = max(1, round(width * share)), max(1, round(height * share))
    return np.asarray(Image.fromarray(pixels).resize(size, reducing_gap=1.0)), share


def tag(number: int, face: FaceReport) -> str:
    """Number, verdict and score of a face in a few words."""
    if face.p_fake is None:
        return f"{number}: {WORDS[face.verdict]}"
    return f"{number}: {WORDS[face.verdict]}, {percent(face.p_fake)} likely fake"


def mark_faces(
    pixels: np.ndarray, share: float, faces: Sequence[FaceReport], selected: int = 0
) -> np.ndarray:
    """Draw a box with a tag around each face; the selected one has the thicker line.

    Args:
        pixels: uint8 array (height, width, 3). The picture as shown.
        share: float. Its size as a share of the original, whose pixels the boxes count.
        faces: sequence of FaceReport.
        selected: int. Index of the face whose evidence is shown. Defaults to the first.

    Returns:
        uint8 array of the same shape.
    """
    image = Image.fromarray(pixels)
    draw = ImageDraw.Draw(image)
    unit = max(image.size) / 640
    font = ImageFont.load_default(max(12.0, 15.0 * unit))
    # The selected face is drawn last, over the others.
    for index in sorted(range(len(faces)), key=lambda i: i == selected):
        face = faces[index]
        left, top, right, bottom = (edge * share for edge in face.box)
        line = max(2, round((4 if index == selected else 2) * unit))
        colour = COLOURS[face.verdict]
        right, bottom = max(right, left + 4), max(bottom, top + 4)
        draw.rectangle((left, top, right, bottom), outline="white", width=line + 2)
        draw.rectangle((left + 1, top + 1, right - 1, bottom - 1), outline=colour, width=line)
        text = f"{index + 1}"
        if face.p_fake is not None:
            text += f" · {WORDS[face.verdict]} · {percent(face.p_fake)} likely fake"
        _write(draw, text, (left, top), font, colour, image.size)
    return np.asarray(image)


def as_in_picture(crop: np.ndarray, turn: float, side: int) -> np.ndarray:
    """A crop, or what is drawn over it, enlarged and turned as the face lies in the picture.

    Args:
        crop: uint8 array (size, size, 3). As the network saw it.
        turn: float. `FaceReport.turn`: by how much it was turned back.
        side: int. Of the result in pixels.

    Returns:
        uint8 array (side, side, 3); grey in the corners where the square stands askew.
    """
    image = Image.fromarray(crop).resize((side, side), Image.Resampling.BICUBIC)
    if turn:
        image = image.rotate(-turn, Image.Resampling.BICUBIC, expand=True, fillcolor=BESIDE)
        image = image.resize((side, side), Image.Resampling.BICUBIC)
    return np.asarray(image)


def face_at(x: float, y: float, share: float, faces: Sequence[FaceReport]) -> int | None:
    """Index of the face that was clicked on, the smallest where boxes overlap; None beside all."""
    hits = [
        (box[2] - box[0], index)
        for index, box in enumerate(face.box for face in faces)
        if box[0] <= x / share <= box[2] and box[1] <= y / share <= box[3]
    ]
    return min(hits)[1] if hits else None


def _write(
    draw: ImageDraw.ImageDraw,
    text: str,
    corner: tuple[float, float],
    font: ImageFont.ImageFont | ImageFont.FreeTypeFont,
    colour: str,
    size: tuple[int, int],
) -> None:
    """White on the colour, above the box, and always within the picture."""
    _, _, width, height = draw.textbbox((0, 0), text, font=font)
    pad = height * 0.3
    x = min(max(corner[0], 0), max(0.0, size[0] - width - 2 * pad))
    y = corner[1] - height - 2 * pad
    y = y if y >= 0 else corner[1]
    draw.rectangle((x, y, x + width + 2 * pad, y + height + 2 * pad), fill=colour)
    draw.text((x + pad, y + pad), text, fill="white", font=font)
