"""The same picture in other bytes: scaled, recompressed or slightly edited."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

import numpy as np
from PIL import Image

from deepfake.scan.journal import Journal

# As in data_check/duplicates.py, which says why; that needs OpenCV and all pictures at once.
MAX_BITS, BANDS, BAND_BITS, BAND_MASK = 3, 4, 16, 0xFFFF
MIN_CORRELATION = 0.98
SIDE, REDUCED_SIDE = 32, 128
# Grey copies that are in memory at a time.
TOGETHER = 256


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
    contents that share a band are compared, and only the hashes of those are in memory: grey
    copies are fetched where hashes are close.
    """
    found: dict[int, int] = {}
    for band in range(BANDS):
        for _, rows in groupby(journal.hashes(BAND_BITS * band), key=lambda row: row[0]):
            for one, other in _pairs(journal, ((row[1], row[2]) for row in rows), band):
                _join(found, one, other)
    groups: dict[int, list[int]] = {}
    for content in sorted(found):
        groups.setdefault(_root(found, content), []).append(content)
    journal.link(groups.values())


def _pairs(
    journal: Journal, rows: Iterable[tuple[int, int]], band: int
) -> Iterator[tuple[int, int]]:
    """Each content with the first one before it that it looks like, if there is one.

    Of those that share the band, and no earlier one, in which they were compared.
    """
    contents, hashes = np.empty(16, np.int64), np.empty(16, np.int64)
    count = 0
    for content, bits in rows:
        different = hashes[:count] ^ np.int64(bits)
        near = np.bitwise_count(different.view(np.uint64)) <= MAX_BITS
        for earlier in range(band):
            near &= (different >> (BAND_BITS * earlier)) & BAND_MASK != 0
        close = np.flatnonzero(near)
        if close.size:
            (look,) = _looks(journal.greys([content]))
            if not look.any():
                continue
            alike = _first_alike(journal, contents[close].tolist(), look)
            if alike is not None:
                yield alike, content
                continue
        if count == len(hashes):
            contents, hashes = np.resize(contents, 2 * count), np.resize(hashes, 2 * count)
        contents[count], hashes[count] = content, bits
        count += 1


def _first_alike(journal: Journal, contents: list[int], look: np.ndarray) -> int | None:
    for start in range(0, len(contents), TOGETHER):
        some = contents[start : start + TOGETHER]
        alike = np.flatnonzero(_looks(journal.greys(some)) @ look >= MIN_CORRELATION)
        if alike.size:
            return some[int(alike[0])]
    return None


def _looks(greys: Sequence[bytes]) -> np.ndarray:
    """Of length 1, so that a product is a correlation; a picture of one grey is like no other."""
    looks = np.frombuffer(b"".join(greys), np.uint8).reshape(len(greys), -1).astype(np.float32)
    looks -= looks.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(looks, axis=1, keepdims=True)
    return np.asarray(looks / np.where(norms, norms, 1))


def _root(found: dict[int, int], content: int) -> int:
    while found[content] != content:
        found[content] = content = found[found[content]]
    return content


def _join(found: dict[int, int], one: int, other: int) -> None:
    first, second = (_root(found, found.setdefault(content, content)) for content in (one, other))
    found[max(first, second)] = min(first, second)
