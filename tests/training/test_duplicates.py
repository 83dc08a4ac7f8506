import io

import numpy as np
from PIL import Image

from deepfake.training.duplicates import find, fingerprint


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
