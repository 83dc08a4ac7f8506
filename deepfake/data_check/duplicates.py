"""The same picture twice: byte for byte, or scaled, recompressed or slightly edited."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from deepfake.opencv import cv2
from deepfake.progress import progress

THUMBNAIL_SIDE = 32
# Of the hash's 64 bits, this many may differ. Then one of four bands of 16 bits is the same in
# both, so only files with a band in common have to be compared.
MAX_BITS = 3
BANDS = 4
# Aligned portraits share their coarse shape and may share a hash; copies also correlate in detail.
MIN_CORRELATION = 0.98
# What is so near to another has the same look-alikes, so it is not compared again.
SAME_CORRELATION = 0.999
# Pictures that are compared at a time with at most so many others.
BLOCK, PART = 1024, 8192


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
    """Pairs of indices that together join all look-alikes: int array (2, pairs)."""
    if not fingerprints:
        return np.zeros((2, 0), int)
    hashes = np.array([f.difference_hash for f in fingerprints], np.uint64)
    thumbnails = np.stack([f.thumbnail.ravel() for f in fingerprints])
    buckets: list[tuple[int, np.ndarray]] = []
    for band in range(BANDS):
        keys = (hashes >> np.uint64(16 * band)) & np.uint64(0xFFFF)
        order = np.argsort(keys, kind="stable")
        starts = np.flatnonzero(np.diff(keys[order])) + 1
        buckets += [(band, members) for members in np.split(order, starts) if len(members) > 1]
    blocks = chain.from_iterable(_links(*bucket, hashes, thumbnails) for bucket in buckets)
    count = sum(-(-len(members) // BLOCK) for _, members in buckets)
    found = [np.zeros((2, 0), int), *progress(blocks, count, "finding duplicates")]
    return np.concatenate(found, axis=1)


def _links(
    band: int, bucket: np.ndarray, hashes: np.ndarray, thumbnails: np.ndarray
) -> Iterator[np.ndarray]:
    """For each block of a bucket, pairs that join it to its look-alikes in the bucket.

    Not all pairs: of ten thousand frames of a fixed camera, these would be fifty million.
    """
    remaining = bucket
    for _ in range(0, len(bucket), BLOCK):
        block = remaining[:BLOCK]
        pairs, kept = [np.zeros((2, 0), int)], []
        # In parts, so that memory does not grow with the square of the bucket.
        for start in range(0, len(remaining), PART):
            part = remaining[start : start + PART]
            correlation = _alike(block, part, band, hashes, thumbnails)
            pairs.append(_joined(correlation >= MIN_CORRELATION, block, part))
            same = np.asarray((correlation >= SAME_CORRELATION).any(axis=0))
            same[: max(0, len(block) - start)] = True
            kept.append(part[~same])
        remaining = np.concatenate([bucket[:0], *kept])
        yield np.concatenate(pairs, axis=1)


def _alike(
    block: np.ndarray, part: np.ndarray, band: int, hashes: np.ndarray, thumbnails: np.ndarray
) -> np.ndarray:
    """Correlation of each with each, where the hashes are close: float array (block, part)."""
    different = hashes[block][:, None] ^ hashes[part][None]
    close = np.asarray(np.bitwise_count(different) <= MAX_BITS)
    close &= block[:, None] != part[None]
    for earlier in range(band):  # those were compared in that band's bucket
        close &= different & np.uint64(0xFFFF << (16 * earlier)) != 0
    result = np.full(close.shape, -1.0, np.float32)
    rows, columns = np.flatnonzero(close.any(axis=1)), np.flatnonzero(close.any(axis=0))
    if not rows.size:
        return result
    ones, others = thumbnails[block[rows]], thumbnails[part[columns]]
    correlation = _standard(ones) @ _standard(others).T
    # Two blank pictures of one grey are the same, whatever the correlation says.
    blank = (np.ptp(ones, axis=1) == 0)[:, None] & (np.ptp(others, axis=1) == 0)[None]
    correlation[blank & (ones[:, :1] == others[:, :1].T)] = 1
    here = np.ix_(rows, columns)
    result[here] = np.where(close[here], correlation, -1)
    return result


def _standard(thumbnails: np.ndarray) -> np.ndarray:
    values = thumbnails.astype(np.float32)
    values -= values.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(values, axis=1, keepdims=True)
    return np.asarray(values / np.where(norms > 0, norms, 1))


def _joined(alike: np.ndarray, block: np.ndarray, part: np.ndarray) -> np.ndarray:
    """As few pairs as join what the bool array (block, part) joins."""
    columns = np.flatnonzero(alike.any(axis=0))
    if not columns.size:
        return np.zeros((2, 0), int)
    first = alike[:, columns].argmax(axis=0)
    # Two of the block belong together if one has a look-alike whose first is the other.
    firsts = np.zeros((columns.size, len(block)), np.float32)
    firsts[np.arange(columns.size), first] = 1
    shared = coo_array(alike[:, columns].astype(np.float32) @ firsts)
    _, names = connected_components(shared, directed=False)
    _, place, inverse = np.unique(names, return_index=True, return_inverse=True)
    inside = np.stack([block[place[inverse]], block])
    return np.concatenate([inside, np.stack([block[first], part[columns]])], axis=1)


def _clusters(count: int, pairs: np.ndarray) -> list[list[int]]:
    if not count:
        return []
    graph = coo_array((np.ones(pairs.shape[1]), (pairs[0], pairs[1])), shape=(count, count))
    _, names = connected_components(graph, directed=False)
    members: dict[int, list[int]] = {}
    for index, name in enumerate(names.tolist()):
        members.setdefault(name, []).append(index)
    return [cluster for cluster in members.values() if len(cluster) > 1]
