"""Random views and delivery damage, the same for both classes.

A face reaches us through cameras, apps and web sites that scale, sharpen and compress it. If reals
and fakes of the training set differ in that, a network learns the delivery; so each view draws its
damage from one distribution that does not know the label.
"""

from __future__ import annotations

import numpy as np

from deepfake import preprocessing
from deepfake.forging import overlays
from deepfake.forging.backdrops import backdrop
from deepfake.forging.face_reader import TrainingFace
from deepfake.forging.finishes import finish, sharpen
from deepfake.manifest import Input
from deepfake.opencv import cv2

# Of the usual crop, one time in four: from a face that fills the picture to one with much around it
# (0.9 to 1.4 face boxes at the usual 1.3).
TIGHT_SHARE, TIGHTEST, WIDEST = 0.25, 0.7, 1.08
# Light, one time in four where the manifest levels crops.
LIGHT_SHARE, DARKEST, BRIGHTEST = 0.25, 0.15, 1.6
# With another background: common in profile pictures, but the head's edge is not always found.
BACKDROP_SHARE = 0.1
# Lit and finished as portrait photographers do.
FINISH_SHARE = 0.1
# With a frame, a caption, a watermark or the like.
OVERLAID_SHARE = 0.25
INTERPOLATIONS = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4, cv2.INTER_AREA)


def view(face: TrainingFace, spec: Input, random: np.random.Generator) -> np.ndarray:
    """Cut a face out with jitter, backgrounds, studio light, overlays and damage.

    Upright and levelled where the manifest says so.

    Args:
        face: TrainingFace. The face with room around it.
        spec: Input. The manifest's `input`: size and crop factor.
        random: Generator. Source of all choices: the same state gives the same view.

    Returns:
        uint8 array (size, size, 3).
    """
    pixels, factor = _cut(face, spec, random)
    # A whole picture may show anything, a crop a head.
    if spec.crop != "full":
        if random.random() < BACKDROP_SHARE:
            pixels = backdrop(pixels, random, factor)
        if random.random() < FINISH_SHARE:
            pixels = finish(pixels, random)
    if spec.exposure == "level" and random.random() < LIGHT_SHARE:
        gain = np.exp(random.uniform(np.log(DARKEST), np.log(BRIGHTEST)))
        pixels = np.clip(pixels * gain + 0.5, 0, 255).astype(np.uint8)
    # After the light: a dark photograph on a white page has a white frame, which levelling goes by.
    if random.random() < OVERLAID_SHARE:
        pixels = overlays.overlay(pixels, random)
    return preprocessing.expose(damage(pixels, random), spec)


def damage(pixels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Edit, scale down and up, blur, sharpen, add noise or grain, change light, compress.

    Each of these happens at random.

    Args:
        pixels: uint8 array (height, width, 3).
        random: Generator. Source of all choices.

    Returns:
        uint8 array of the same shape.
    """
    height, width = pixels.shape[:2]
    choice = random.random()
    if choice < 0.4:
        pixels = jitter_colour(pixels, random, strength=0.5)
    elif choice < 0.65:
        pixels = edit(pixels, random)
    if random.random() < 0.15:
        pixels = vignette(pixels, random)
    if random.random() < 0.04:
        grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
        pixels = np.repeat(grey[..., None], 3, axis=2)
    if random.random() < 0.25:
        pixels = sharpen(pixels, random.uniform(0.2, 1.5), random.uniform(0.7, 2.0))
    elif random.random() < 0.25:
        pixels = blur(pixels, random.uniform(0.3, 1.4))
    small = random.random() < 0.5
    if small:
        ratio = float(np.exp(random.uniform(np.log(0.33), 0.0)))
        side = max(24, round(width * ratio)), max(24, round(height * ratio))
        shrink = cv2.INTER_AREA if random.random() < 0.7 else cv2.INTER_LINEAR
        pixels = cv2.resize(pixels, side, interpolation=shrink)
    if random.random() < 0.2:
        pixels = add_noise(pixels, random, random.uniform(1.0, 8.0))
    elif random.random() < 0.15:
        pixels = add_grain(pixels, random, random.uniform(2.0, 10.0))
    if random.random() < 0.75:
        pixels = compress(pixels, random, 30, 98)
    if small:
        way = INTERPOLATIONS[random.integers(len(INTERPOLATIONS) - 1)]
        pixels = cv2.resize(pixels, (width, height), interpolation=way)
        if random.random() < 0.3:
            pixels = compress(pixels, random, 60, 98)
    if random.random() < 0.12:
        pixels = cut_out(pixels, random)
    return np.ascontiguousarray(pixels)


def _cut(face: TrainingFace, spec: Input, random: np.random.Generator) -> tuple[np.ndarray, float]:
    """The crop, and its side in face boxes."""
    left, top, right, bottom = face.box
    side = max(right - left, bottom - top)
    factor = 1.0 if spec.crop == "full" else float(spec.crop)
    if random.random() < TIGHT_SHARE:
        factor *= float(random.uniform(TIGHTEST, WIDEST))
    else:
        factor *= float(np.exp(random.normal(0.0, 0.07)))
    shift = random.normal(0.0, 0.03, 2) * side
    # At inference the square stays within the picture, so near a border the face is off-centre.
    height, width = face.pixels.shape[:2]
    wanted = side * min(factor, 1.02 * min(width, height) / side)
    centre = np.array([(left + right) / 2, (top + bottom) / 2]) + shift
    centre = np.clip(centre, wanted / 2, np.maximum([width, height] - wanted / 2, wanted / 2))
    angle = float(random.normal(0.0, 5.0)) if random.random() < 0.5 else 0.0
    angle += preprocessing.turned_back(face.turn, spec)
    scale = spec.size / wanted
    matrix = cv2.getRotationMatrix2D((float(centre[0]), float(centre[1])), angle, scale)
    matrix[:, 2] += spec.size / 2 - centre
    if random.random() < 0.5:
        matrix = np.array([[-1.0, 0.0, spec.size - 1.0], [0.0, 1.0, 0.0]]) @ np.vstack(
            [matrix, [0.0, 0.0, 1.0]]
        )
    pixels = face.pixels
    if scale < 0.75:
        # warpAffine does not low-pass; shrinking without it would alias both classes alike, but
        # not as the served preprocessing does.
        pixels = cv2.GaussianBlur(pixels, (0, 0), 0.4 / scale)
    way = INTERPOLATIONS[random.integers(3)]
    cut = cv2.warpAffine(
        pixels, matrix, (spec.size, spec.size), flags=way, borderMode=cv2.BORDER_REFLECT_101
    )
    return np.array(cut), wanted / side


def jitter_colour(pixels: np.ndarray, random: np.random.Generator, strength: float) -> np.ndarray:
    """Change brightness, contrast, gamma, saturation and white balance."""
    amount = random.uniform(-1.0, 1.0, 7) * strength
    table = np.arange(256, dtype=np.float32) / 255
    table = table ** np.exp(0.4 * amount[0])
    table = (table - 0.5) * (1 + 0.35 * amount[1]) + 0.5 + 0.15 * amount[2]
    channels = np.stack([table * (1 + 0.1 * amount[3 + c]) for c in range(3)], axis=-1)
    lut = np.clip(channels * 255 + 0.5, 0, 255).astype(np.uint8)[None]
    changed = cv2.LUT(pixels, lut)
    return _saturate(changed, 1 + 0.6 * float(amount[6]))


def edit(pixels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Develop a picture as photographers and apps do, further than a camera's own differences.

    Exposure, contrast, saturation and white balance, and four times in ten the contrast between
    neighbouring regions ("clarity", high dynamic range). A dark or strongly toned photograph of a
    real face is still one.
    """
    exposure = 2.0 ** random.uniform(-0.9, 0.4)
    contrast = np.exp(random.uniform(-0.4, 0.4))
    balance = np.exp(random.uniform(-0.1, 0.1, 3))
    saturation = float(np.exp(random.uniform(-0.8, 0.55)))
    table = np.arange(256, dtype=np.float32) / 255 * exposure
    table = (table - 0.45) * contrast + 0.45
    lut = np.clip(table[:, None] * balance * 255 + 0.5, 0, 255).astype(np.uint8)[None]
    changed = cv2.LUT(pixels, lut)
    changed = _saturate(changed, saturation)
    if random.random() < 0.4:
        radius = pixels.shape[1] * float(np.exp(random.uniform(np.log(0.012), np.log(0.1))))
        changed = sharpen(changed, random.uniform(0.2, 0.7), radius)
    return np.array(changed)


def _saturate(pixels: np.ndarray, factor: float) -> np.ndarray:
    """Multiply the distance of each colour from grey."""
    grey = cv2.cvtColor(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return np.array(cv2.addWeighted(pixels, factor, grey, 1 - factor, 0))


def blur(pixels: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur; sigma in pixels."""
    return np.array(cv2.GaussianBlur(pixels, (0, 0), sigma))


def add_noise(pixels: np.ndarray, random: np.random.Generator, sigma: float) -> np.ndarray:
    """Gaussian noise, sigma in grey levels."""
    noise = random.standard_normal(pixels.shape, dtype=np.float32) * sigma
    return np.array(np.clip(pixels + noise, 0, 255).astype(np.uint8))


def add_grain(pixels: np.ndarray, random: np.random.Generator, sigma: float) -> np.ndarray:
    """Film grain: clotted noise of brightness, strongest in the middle tones; sigma in grey levels.

    Scanned prints and slides are real photographs that a network trained on digital ones
    misjudges.
    """
    grain = random.standard_normal(pixels.shape[:2], dtype=np.float32)
    grain = cv2.GaussianBlur(grain, (0, 0), float(random.uniform(0.5, 1.1)))
    grain *= sigma / max(float(grain.std()), 1e-6)
    tone = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    grain *= 0.3 + 2.8 * tone * (1 - tone)
    return np.array(np.clip(pixels + grain[..., None] + 0.5, 0, 255).astype(np.uint8))


def vignette(pixels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Darken or brighten towards one side or the corners, as lenses and lamps do."""
    height, width = pixels.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    centre = random.uniform(-0.3, 1.3, 2)
    distance = np.hypot(x / width - centre[0], y / height - centre[1])
    light = 1 + float(random.uniform(-0.45, 0.25)) * (distance - 0.4)
    return np.array(np.clip(pixels * light[..., None] + 0.5, 0, 255).astype(np.uint8))


def compress(
    pixels: np.ndarray, random: np.random.Generator, lowest: int, highest: int
) -> np.ndarray:
    """Write as JPEG, one time in five as WebP, and read again."""
    quality = int(random.integers(lowest, highest + 1))
    webp = random.random() < 0.2
    flag = cv2.IMWRITE_WEBP_QUALITY if webp else cv2.IMWRITE_JPEG_QUALITY
    written, data = cv2.imencode(".webp" if webp else ".jpg", pixels[..., ::-1], [flag, quality])
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR) if written else None
    return pixels if decoded is None else np.array(decoded[..., ::-1])


def shrink_and_enlarge(pixels: np.ndarray, random: np.random.Generator, ratio: float) -> np.ndarray:
    """Lose detail by scaling down to `ratio` and up again."""
    height, width = pixels.shape[:2]
    side = max(8, round(width * ratio)), max(8, round(height * ratio))
    small = cv2.resize(pixels, side, interpolation=cv2.INTER_AREA)
    way = INTERPOLATIONS[random.integers(3)]
    return np.array(cv2.resize(small, (width, height), interpolation=way))


def cut_out(pixels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Cover a random rectangle with grey (DeVries & Taylor 2017, arXiv 1708.04552)."""
    height, width = pixels.shape[:2]
    size = (random.uniform(0.1, 0.4, 2) * (height, width)).astype(int)
    top, left = random.integers(0, height - size[0]), random.integers(0, width - size[1])
    covered = pixels.copy()
    covered[top : top + size[0], left : left + size[1]] = random.integers(0, 256, 3)
    return covered
