"""What can be said of a labelled file without looking at the face."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from deepfake import imaging
from deepfake.data_check import duplicates
from deepfake.datasets.samples import Sample
from deepfake.errors import ImageError
from deepfake.opencv import cv2
from deepfake.progress import progress
from deepfake.settings import Settings

# What is near an edge, as a share of the height or width.
NEAR = 0.12


@dataclass(frozen=True)
class Edges:
    """Standard deviation of the grey values of the plainest line near an edge.

    0 is one colour, as in frames, captions and the gaps between the tiles of a figure.

    Attributes:
        below: float. Of the rows near the lower edge.
        elsewhere: float. Of the rows near the upper edge and the columns near the other two.
    """

    below: float
    elsewhere: float


@dataclass(frozen=True)
class FileFacts:
    """A file that could be read.

    Attributes:
        sample: Sample.
        width: int. In pixels.
        height: int. In pixels.
        format: str. As in `Picture.format`.
        byte_count: int. Size of the file.
        sharpness: float. Variance of the Laplacian of the grey values.
        edges: Edges. How plain the picture is near its edges.
        fingerprint: Fingerprint.
    """

    sample: Sample
    width: int
    height: int
    format: str
    byte_count: int
    sharpness: float
    edges: Edges
    fingerprint: duplicates.Fingerprint


def read_facts(
    samples: Sequence[Sample], workers: int = 2
) -> tuple[list[FileFacts], list[tuple[Sample, str]]]:
    """Read every file once.

    Args:
        samples: sequence of Sample.
        workers: int. Threads.

    Returns:
        The facts of the files that could be read, and the others, each with the reason.
    """
    settings = Settings.from_environment()

    def read(sample: Sample) -> FileFacts | str:
        try:
            picture = imaging.read(sample.path, settings)
        except ImageError as error:
            return str(error)
        return FileFacts(
            sample,
            picture.width,
            picture.height,
            picture.format,
            picture.byte_count,
            sharpness(picture.pixels),
            edges(picture.pixels),
            duplicates.fingerprint(picture.pixels, picture.sha256),
        )

    readable, unreadable = [], []
    with ThreadPoolExecutor(workers) as pool:
        results = progress(pool.map(read, samples), len(samples), "reading files")
        for sample, result in zip(samples, results, strict=True):
            if isinstance(result, str):
                unreadable.append((sample, result))
            else:
                readable.append(result)
    return readable, unreadable


def sharpness(pixels: np.ndarray) -> float:
    """Variance of the Laplacian of the grey values (Pech-Pacheco et al. 2000).

    Args:
        pixels: uint8 array (height, width, 3).
    """
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    return float(cv2.Laplacian(grey, cv2.CV_64F).var())


def edges(pixels: np.ndarray) -> Edges:
    """See `Edges`.

    Args:
        pixels: uint8 array (height, width, 3).
    """
    high, wide = (max(1, round(NEAR * length)) for length in pixels.shape[:2])
    strips = (pixels[-high:], pixels[:high], pixels[:, :wide], pixels[:, -wide:])
    below, *others = (
        float(cv2.cvtColor(np.ascontiguousarray(strip), cv2.COLOR_RGB2GRAY).std(axis=along).min())
        for strip, along in zip(strips, (1, 1, 0, 0), strict=True)
    )
    return Edges(below, min(others))
