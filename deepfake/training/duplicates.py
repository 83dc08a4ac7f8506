"""The same picture twice: byte for byte, or scaled, recompressed or slightly edited."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

THUMBNAIL_SIDE = 32
# Of the hash's 64 bits, this many may differ. Then one of four bands of 16 bits is the same in
# both, so only files with a band in common have to be compared.
MAX_BITS = 3
BANDS = 4
# Aligned portraits share their coarse shape and may share a hash; copies also correlate in detail.
MIN_CORRELATION = 0.98


@dataclass(frozen=True)
class Fingerprint:
    """What a picture is recognised by.

    Attributes:
        sha256: str. Of the file.
        difference_hash: int. 64 bits: is each of 8 × 8 areas darker than its right neighbour?
        thumbnail: uint8 array (32, 32). Grey.
    """

    sha256: str
    difference_hash: int
    thumbnail: np.ndarray


@dataclass(frozen=True)
class Duplicates:
    """Files that show the same picture.

    Attributes:
        exact: list of lists of int. Indices of files with the same bytes, two or more each.
        near: list of lists of int. Indices of files that look the same; exact copies among them
            only where another file looks like them.
    """

    exact: list[list[int]]
    near: list[list[int]]


def fingerprint(pixels: np.ndarray, sha256: str) -> Fingerprint:
    """Take a picture's fingerprint.

    Args:
        pixels: uint8 array (height, width, 3).
        sha256: str. Of the file.

    Returns:
        The Fingerprint; the hash is Krawetz' difference hash ("Kind of Like That", 2013).
    """
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (9, 8), interpolation=cv2.INTER_AREA)
    bits = np.packbits(small[:, 1:] > small[:, :-1])
    side = (THUMBNAIL_SIDE, THUMBNAIL_SIDE)
    thumbnail = np.array(cv2.resize(grey, side, interpolation=cv2.INTER_AREA))
    return Fingerprint(sha256, int.from_bytes(bits.tobytes(), "big"), thumbnail)


def find(fingerprints: Sequence[Fingerprint]) -> Duplicates:
    """Find files that are the same, and files that look the same.

    Args:
        fingerprints: sequence of Fingerprint.

    Returns:
        The Duplicates; indices are those of the sequence.
    """
    first: dict[str, int] = {}
    same = [first.setdefault(print_.sha256, index) for index, print_ in enumerate(fingerprints)]
    exact = _clusters(len(fingerprints), np.array([list(range(len(same))), same], int))
    unique = sorted(first.values())
    pairs = _near_pairs([fingerprints[index] for index in unique])
    near_unique = _clusters(len(unique), pairs)
    copies: dict[int, list[int]] = {}
    for index, original in enumerate(same):
        copies.setdefault(original, []).append(index)
    near = [sorted(i for member in c for i in copies[unique[member]]) for c in near_unique]
    return Duplicates(exact, near)


def _near_pairs(fingerprints: Sequence[Fingerprint]) -> np.ndarray:
    """Pairs of indices: int array (2, pairs)."""
    hashes = np.array([f.difference_hash for f in fingerprints], np.uint64)
    found = [np.zeros((2, 0), int)]
    for band in range(BANDS):
        keys = (hashes >> np.uint64(16 * band)) & np.uint64(0xFFFF)
        order = np.argsort(keys, kind="stable")
        starts = np.flatnonzero(np.diff(keys[order], prepend=keys[order][:1] + 1))
        for members in np.split(order, starts[1:]) if len(order) else ():
            for place, index in enumerate(members[:-1]):
                others = members[place + 1 :]
                close = others[np.bitwise_count(hashes[others] ^ hashes[index]) <= MAX_BITS]
                if close.size:
                    found.append(np.stack([np.full(close.size, index), close]))
    candidates = np.unique(np.sort(np.concatenate(found, axis=1), axis=0), axis=1)
    alike = [
        _correlation(fingerprints[a].thumbnail, fingerprints[b].thumbnail) >= MIN_CORRELATION
        for a, b in candidates.T
    ]
    return candidates[:, np.array(alike, bool)]


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    a, b = (x.astype(np.float64).ravel() - x.mean() for x in (one, other))
    norm = float(np.linalg.norm(a) * np.linalg.norm(b))
    # Two blank pictures of one grey are the same, whatever the correlation says.
    return float(a @ b) / norm if norm else float(np.array_equal(one, other))


def _clusters(count: int, pairs: np.ndarray) -> list[list[int]]:
    if not count:
        return []
    graph = coo_array((np.ones(pairs.shape[1]), (pairs[0], pairs[1])), shape=(count, count))
    _, names = connected_components(graph, directed=False)
    members: dict[int, list[int]] = {}
    for index, name in enumerate(names.tolist()):
        members.setdefault(name, []).append(index)
    return [cluster for cluster in members.values() if len(cluster) > 1]
