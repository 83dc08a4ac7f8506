"""Colours that are told by numbers: codes of ITU-T H.273 (PNG cICP, nclx), gamma, chromaticities.

HDR (PQ and HLG of ITU-R BT.2100) is brought to an ordinary screen by rule: its diffuse white,
203 cd/m² (ITU-R BT.2408), becomes white, and light that is brighter is rolled off by the curve of
ITU-R BT.2390, section 5.4, on the brightest of the three channels, so that hues stay.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image

XY = tuple[float, ...]  # of white, red, green and blue, as in PNG's cHRM
D65 = (0.3127, 0.3290)
BT709 = (*D65, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
BT2020 = (*D65, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046)
PRIMARIES: dict[int, XY] = {
    1: BT709,
    2: BT709,  # unspecified
    4: (0.310, 0.316, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08),
    5: (*D65, 0.64, 0.33, 0.29, 0.60, 0.15, 0.06),
    6: (*D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    7: (*D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    9: BT2020,
    11: (0.314, 0.351, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    12: (*D65, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
}
PQ, HLG = 16, 18
HDR = {PQ: "PQ", HLG: "HLG"}
# BT.709 and its like are shown by screens much as sRGB is; 2 is "unspecified".
LIKE_SRGB = frozenset((1, 2, 6, 13, 14, 15))
LINEAR = 8
GAMMAS = {4: 2.2, 5: 2.8, LINEAR: 1.0}
# Within five hundredths of 1/2.2, as libpng, a PNG says no more than "as usual".
USUAL_GAMMA, GAMMA_TOLERANCE = 1 / 2.2, 0.05
XY_TOLERANCE = 0.01
# A step of linear light in 8 bits is up to a dozen of sRGB near black. Deeper PNGs come with 8.
NEARLY_LINEAR = 0.8
COARSE = (
    "The picture holds linear light, of which 8 bits a channel were read: its darkest parts are "
    "coarse."
)
BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)
WHITE, PQ_PEAK, HLG_PEAK = 203.0, 10_000.0, 1_000.0  # cd/m²
HLG_GAMMA, LUMINANCE = 1.2, np.array((0.2627, 0.6780, 0.0593), np.float32)
# A few sparks do not decide how dark everything else gets.
PEAK_PERCENTILE = 99.9
ROWS_AT_A_TIME = 64


def from_code(image: Image.Image, primaries: int, transfer: int) -> tuple[Image.Image, list[str]]:
    """Bring a picture with coded colours to sRGB.

    Args:
        image: Image. In mode RGB.
        primaries: int. Colour primaries of ITU-T H.273.
        transfer: int. Transfer characteristics of ITU-T H.273.

    Returns:
        (the picture in sRGB, or as it was where the code is not known; a sentence on that).
    """
    if primaries not in PRIMARIES or transfer not in LIKE_SRGB | HDR.keys() | GAMMAS.keys():
        return image, [
            f"The picture's colours are coded in a way that is not known here ({primaries}, "
            f"{transfer}); sRGB was assumed."
        ]
    matrix = _matrix(PRIMARIES[primaries])
    levels = np.arange(256, dtype=np.float64) / 255
    if transfer in HDR:
        shown = _tone_mapped(np.asarray(image), matrix, transfer, levels)
        return Image.fromarray(shown), [
            f"The picture is HDR ({HDR[transfer]}). Its light was brought to that of an ordinary "
            "picture (ITU-R BT.2408 and BT.2390)."
        ]
    if transfer in LIKE_SRGB and PRIMARIES[primaries] == BT709:
        return image, []
    light = levels ** GAMMAS[transfer] if transfer in GAMMAS else _srgb_light(levels)
    return _converted(image, light, matrix), [COARSE] if transfer == LINEAR else []


def from_gamma(
    image: Image.Image, gamma: float, chromaticities: XY | None
) -> tuple[Image.Image, list[str]]:
    """Bring a picture with a PNG's gAMA and cHRM to sRGB.

    Args:
        image: Image. In mode RGB.
        gamma: float. Exponent that light was coded with: 0.45455 as usual, 1 for linear light.
        chromaticities: tuple of eight floats or None. Of white, red, green and blue.

    Returns:
        (the picture in sRGB, or as it was where the numbers make no sense; a sentence on that).
    """
    usual = abs(gamma - USUAL_GAMMA) <= GAMMA_TOLERANCE * USUAL_GAMMA
    same = chromaticities is None or bool(
        np.allclose(chromaticities, BT709, rtol=0, atol=XY_TOLERANCE)
    )
    if usual and same:
        return image, []
    try:
        if not 0.1 <= gamma <= 10:
            raise ValueError
        matrix = np.eye(3) if same or chromaticities is None else _matrix(chromaticities)
    except (ValueError, np.linalg.LinAlgError):
        return image, ["The PNG's gamma or chromaticities make no sense; sRGB was assumed."]
    levels = np.arange(256, dtype=np.float64) / 255
    light = _srgb_light(levels) if usual else levels ** (1 / gamma)
    return _converted(image, light, matrix), [COARSE] if gamma >= NEARLY_LINEAR else []


def _matrix(chromaticities: XY) -> np.ndarray:
    """From light in these primaries to light in sRGB's, with white staying white.

    Raises:
        ValueError, LinAlgError: they span no colours.
    """
    to_xyz, white = _to_xyz(chromaticities)
    from_xyz = np.linalg.inv(_to_xyz(BT709)[0])
    cones = BRADFORD @ _xyz(*D65) / (BRADFORD @ white)
    adapted = np.linalg.inv(BRADFORD) @ np.diag(cones) @ BRADFORD
    matrix: np.ndarray = from_xyz @ adapted @ to_xyz
    if not np.isfinite(matrix).all() or np.abs(matrix).max() > 100:
        raise ValueError
    return matrix


def _to_xyz(chromaticities: XY) -> tuple[np.ndarray, np.ndarray]:
    white = _xyz(*chromaticities[:2])
    primaries = np.stack([_xyz(*chromaticities[i : i + 2]) for i in (2, 4, 6)], axis=1)
    return primaries * np.linalg.solve(primaries, white), white


def _xyz(x: float, y: float) -> np.ndarray:
    if y <= 0:
        raise ValueError
    return np.array((x / y, 1.0, (1 - x - y) / y))


def _srgb_light(values: np.ndarray) -> np.ndarray:
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def _srgb_values() -> np.ndarray:
    """The byte of sRGB for each 65,536th of light."""
    light = np.arange(65_536) / 65_535
    coded = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    rounded: np.ndarray = np.rint(coded * 255)
    return rounded.astype(np.uint8)


def _converted(image: Image.Image, light: np.ndarray, matrix: np.ndarray) -> Image.Image:
    table = light.astype(np.float32)
    return Image.fromarray(_shown(np.asarray(image), lambda rows: table[rows], matrix))


def _shown(
    pixels: np.ndarray, light: Callable[[np.ndarray], np.ndarray], matrix: np.ndarray
) -> np.ndarray:
    """Bytes → light in 0..1 → sRGB's primaries and curve, a few rows at a time."""
    values, turned = _srgb_values(), matrix.T.astype(np.float32)
    shown = np.empty_like(pixels)
    for start in range(0, len(pixels), ROWS_AT_A_TIME):
        rows = slice(start, start + ROWS_AT_A_TIME)
        inside = np.clip(light(pixels[rows]) @ turned, 0, 1)
        shown[rows] = values[np.rint(inside * 65_535).astype(np.uint16)]
    return shown


def _tone_mapped(
    pixels: np.ndarray, matrix: np.ndarray, transfer: int, levels: np.ndarray
) -> np.ndarray:
    coded = _pq_light(levels) if transfer == PQ else _hlg_light(levels)
    table: np.ndarray = coded.astype(np.float32)

    def nits(rows: np.ndarray) -> np.ndarray:
        light: np.ndarray = table[rows]
        if transfer == HLG:
            # The scene's light → a screen's, which is a little steeper.
            light = HLG_PEAK * light * (light @ LUMINANCE)[..., None] ** (HLG_GAMMA - 1)
        return light

    step = max(1, max(pixels.shape[:2]) // 512)
    few = nits(pixels[::step, ::step])
    peak = float(np.percentile(few.max(axis=2), PEAK_PERCENTILE))
    grid = np.linspace(0, 1, 4096)
    rolled = _pq_light(_rolled_off(grid, _pq_value(WHITE), _pq_value(peak)))
    seen = _pq_light(grid)

    def light(rows: np.ndarray) -> np.ndarray:
        wide = nits(rows)
        brightest = wide.max(axis=2)
        factor = np.interp(brightest, seen, rolled) / np.maximum(brightest, 1e-6) / WHITE
        shown: np.ndarray = wide * factor[..., None].astype(np.float32)
        return shown

    return _shown(pixels, light, matrix)


def _rolled_off(values: np.ndarray, white: float, peak: float) -> np.ndarray:
    """The curve of BT.2390 on PQ values: `peak` becomes `white`, what is dark stays as it is."""
    if peak <= white:
        return np.where(values < white, values, white)
    highest = white / peak
    knee = max(0.0, 1.5 * highest - 0.5)
    e = np.clip(values / peak, 0, 1)
    t = np.clip((e - knee) / (1 - knee), 0, 1)
    curve = (
        (2 * t**3 - 3 * t**2 + 1) * knee
        + (t**3 - 2 * t**2 + t) * (1 - knee)
        + (-2 * t**3 + 3 * t**2) * highest
    )
    rolled: np.ndarray = np.where(e < knee, e, curve)
    return rolled * peak


def _pq_light(values: np.ndarray) -> np.ndarray:
    """PQ → cd/m² (SMPTE ST 2084)."""
    power: np.ndarray = values ** (32 / 2523)
    light = np.maximum(power - 107 / 128, 0) / (2413 / 128 - 2392 / 128 * power)
    nits: np.ndarray = PQ_PEAK * light ** (8192 / 1305)
    return nits


def _pq_value(light: float) -> float:
    power = (light / PQ_PEAK) ** (1305 / 8192)
    return float(((107 / 128 + 2413 / 128 * power) / (1 + 2392 / 128 * power)) ** (2523 / 32))


def _hlg_light(values: np.ndarray) -> np.ndarray:
    """HLG → the scene's light in 0..1 (ITU-R BT.2100)."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(values <= 0.5, values**2 / 3, (np.exp((values - c) / a) + b) / 12)
