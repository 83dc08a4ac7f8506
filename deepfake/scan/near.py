"""The same picture in other bytes: scaled, recompressed or slightly edited."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

import numpy as np
from PIL import Image

from deepfake.scan.journal import Journal

# As in data_check/duplicates.py, which says why; that needs OpenCV and all pictures at once.
MAX_BITS, BANDS, BAND_BITS = 3, 4, 16
MIN_CORRELATION = 0.98
SIDE, REDUCED_SIDE = 32, 128


def fingerprint(pixels: np.ndarray) -> tuple[int, bytes]:
    """What look-alikes are told by.

    Args:
        pixels: uint8 array (height, width, 3).

    Returns:
        (difference hash of 64 bits as a signed number, grey copy of 32 × 32 pixels).
    """
    image = Image.fromarray(pixels)
    # Averages of averages, at a tenth of the time that large pictures take else.
    grey = image.reduce(max(1, min(image.size) // REDUCED_SIDE)).convert("L")
    small = np.asarray(grey.resize((9, 8), Image.Resampling.BOX))
    bits = np.packbits(small[:, 1:] > small[:, :-1])
    copy = grey.resize((SIDE, SIDE), Image.Resampling.BOX)
    return int.from_bytes(bits.tobytes(), "big", signed=True), copy.tobytes()


def link(journal: Journal) -> None:
    """Find the look-alikes among all contents, and note them in the journal.

    Two hashes that differ in 3 bits at most have one of four bands of 16 bits in common, so only
    contents that share a band are compared, and only those are in memory.
    """
    found: dict[str, str] = {}
    for band in range(BANDS):
        for _, rows in groupby(journal.hashes(BAND_BITS * band), key=lambda row: row[0]):
            for one, other in _pairs((sha256, bits, grey) for _, sha256, bits, grey in rows):
                _join(found, one, other)
    groups: dict[str, list[str]] = {}
    for sha256 in sorted(found):
        groups.setdefault(_root(found, sha256), []).append(sha256)
    journal.link(list(groups.values()))


def _pairs(rows: Iterable[tuple[str, int, bytes]]) -> Iterable[tuple[str, str]]:
    """Each content with the first one before it that it looks like, if there is one."""
    names: list[str] = []
    hashes = np.empty(0, np.int64)
    looks = np.empty((0, SIDE * SIDE), np.float32)
    for sha256, bits, grey in rows:
        look = _standard(np.frombuffer(grey, np.uint8).astype(np.float32))
        if names:
            close = np.flatnonzero(_differing(hashes[: len(names)], bits) <= MAX_BITS)
            alike = close[looks[close] @ look >= MIN_CORRELATION]
            if alike.size:
                yield names[alike[0]], sha256
                continue
        if len(names) == len(hashes):
            grown = max(16, 2 * len(hashes))
            hashes = np.resize(hashes, grown) if len(hashes) else np.zeros(grown, np.int64)
            looks = np.concatenate(
                [looks, np.zeros((grown - len(looks), looks.shape[1]), np.float32)]
            )
        hashes[len(names)], looks[len(names)] = bits, look
        names.append(sha256)


def _differing(hashes: np.ndarray, bits: int) -> np.ndarray:
    different = (hashes ^ np.int64(bits)).view(np.uint64)
    return np.asarray(np.bitwise_count(different))


def _standard(look: np.ndarray) -> np.ndarray:
    """Of length 1, so that a product is a correlation; a picture of one grey is like no other."""
    look = look - look.mean()
    norm = float(np.linalg.norm(look))
    return np.asarray(look / norm if norm else look)


def _root(found: dict[str, str], name: str) -> str:
    while found[name] != name:
        found[name] = name = found[found[name]]
    return name


def _join(found: dict[str, str], one: str, other: str) -> None:
    first, second = (_root(found, found.setdefault(name, name)) for name in (one, other))
    found[max(first, second)] = min(first, second)
