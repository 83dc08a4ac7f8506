import io
import time

import numpy as np
import pytest
from PIL import Image
from scipy.sparse.csgraph import connected_components

from deepfake.data_check.duplicates import Fingerprint, find, fingerprint


def drawing(seed, size=96):
    small = np.random.default_rng(seed).integers(0, 256, (12, 12, 3), np.uint8)
    return Image.fromarray(small).resize((size, size), Image.Resampling.BICUBIC)


def print_of(image, sha256):
    return fingerprint(np.asarray(image), sha256)


def recompressed(image, quality, size):
    buffer = io.BytesIO()
    image.resize((size, size)).save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def test_the_same_bytes_and_the_same_look_are_found_among_others():
    others = [print_of(drawing(seed), f"other{seed}") for seed in range(200)]
    copy = print_of(recompressed(drawing(7), 40, 60), "copy")
    found = find([*others, copy, others[3]])
    assert found.exact == [[3, 201]]
    assert found.near == [[7, 200]]


def test_copies_of_a_look_alike_belong_to_it():
    one, small = print_of(drawing(1), "a"), print_of(recompressed(drawing(1), 50, 64), "b")
    assert find([one, small, small]).near == [[0, 1, 2]]


def test_blank_pictures_are_not_all_the_same():
    greys = (0, 128, 255, 128)
    blank = [print_of(Image.new("RGB", (32, 32), (v, v, v)), str(i)) for i, v in enumerate(greys)]
    assert find(blank).near == [[1, 3]]


def test_nothing_has_no_duplicates():
    assert find([]).exact == [] and find([]).near == []


@pytest.mark.slow
def test_thousands_of_look_alikes_take_seconds_and_few_pairs():
    small = np.asarray(drawing(1)).astype(float)
    random = np.random.default_rng(0)
    frames = [
        print_of(np.clip(small + random.normal(0, 4, small.shape), 0, 255).astype(np.uint8), str(n))
        for n in range(2000)
    ]
    start = time.perf_counter()
    assert [len(cluster) for cluster in find(frames).near] == [2000]
    # All pairs, one by one, took minutes.
    assert time.perf_counter() - start < 20


def test_look_alikes_are_joined_as_if_all_pairs_were_compared():
    random = np.random.default_rng(0)
    kinds = random.normal(0, 1, (30, 32, 32))
    prints = []
    for number in range(1500):
        values = kinds[number % 30] + random.normal(0, 0.03 * (number % 7), (32, 32))
        prints.append(Fingerprint(str(number), 7, np.uint8(np.clip(values * 40 + 128, 0, 255))))
    values = np.stack([p.thumbnail.ravel() for p in prints])
    _, names = connected_components(np.corrcoef(values) >= 0.98, directed=False)
    expected = {tuple(np.flatnonzero(names == n)) for n in set(names)}
    assert {tuple(c) for c in find(prints).near} == {c for c in expected if len(c) > 1}
