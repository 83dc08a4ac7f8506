"""`deepfake blend`: photos of real faces → face-swap fakes at full resolution."""

from __future__ import annotations

import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain
from itertools import count as count_up
from pathlib import Path

import numpy as np
from PIL import Image, JpegImagePlugin

from deepfake import label_words
from deepfake.datasets import groups, layouts
from deepfake.datasets.dataset import Dataset, find_dataset
from deepfake.datasets.samples import CLASSES, Sample
from deepfake.errors import TrainingError
from deepfake.forging import blending
from deepfake.forging.augment import claim_folder, refuse_full, relative_name, write_table
from deepfake.forging.blend_faces import Forger
from deepfake.forging.face_reader import FaceInPicture, FaceReader, TrainingFace
from deepfake.manifest import Input
from deepfake.progress import progress

EACH = ("self", "swap", "reenact", "resynthesis")
KINDS = {**{kind: (kind,) for kind in EACH}, "both": ("self", "swap"), "all": EACH}
COLUMNS = (
    "path", "label", "split", "generator", "group", "kind", "original", "donor", "seed",
)  # fmt: skip
# For formats that cannot be written alike; about what photo programs use.
QUALITY = 92
# More photos are looked at than fakes are asked for, so that donors can be chosen among them.
POOL_FACTOR, SMALLEST_POOL = 3, 200
MAX_DRAWS = 20
# The autoencoder of resynthesised fakes is fitted on patches of at most so many photos.
FITTED_PHOTOS = 200
# The reader's sizes do not matter: faces are taken as they are.
ANY_INPUT = Input(size=256, crop=1.3, mean=(0, 0, 0), std=(1, 1, 1))


@dataclass(frozen=True)
class Blended:
    """What was written.

    Attributes:
        fakes: int.
        reals: int. Photos that were written beside them.
        skipped: tuple of str. Photos that could not be read or have no face.
        notes: tuple of str. Sentences on what was left out.
    """

    fakes: int
    reals: int
    skipped: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Photo:
    sample: Sample
    name: str
    look: np.ndarray


@dataclass(frozen=True)
class _Work:
    """What all files of a run are made of and with."""

    photos: Sequence[_Photo]
    reader: FaceReader
    forger: Forger | None
    output: Path
    seed: int


def find_reals(source: str) -> Dataset:
    """The real photos of a data set, or all photos of a folder that names no classes.

    Args:
        source: str. A folder, a CSV file, or an address on the Hub.

    Returns:
        A Dataset of real samples only.

    Raises:
        TrainingError: as of `find_dataset`; or there are no real photos.
    """
    folder = Path(source)
    if folder.is_dir() and not (folder / layouts.TABLE).is_file():
        pictures = list(layouts.find_pictures(folder))
        parts = {path.relative_to(folder).parts[:-1] for path in pictures}
        if pictures and not any(
            label_words.label_of(name) is not None for p in parts for name in p
        ):
            return _unlabelled(folder, pictures)
    found = find_dataset(source)
    reals = tuple(sample for sample in found.samples if sample.label == 0)
    if not reals:
        raise TrainingError(f"{source} has no real photos to make fakes of.")
    return replace(found, samples=reals)


def blend(
    reals: Dataset,
    output: Path,
    count: int | None = None,
    kind: str = "both",
    seed: int = 0,
    *,
    with_reals: bool = False,
    workers: int = 2,
) -> Blended:
    """Write fakes, and a `labels.csv` that tells how each was made.

    A face is changed within its surroundings at the photo's own resolution and pasted back; the
    file is written in the format, and as JPEG with the quality, of the original. Donors are of the
    same split and another group.

    Args:
        reals: Dataset. As of `find_reals`.
        output: Path. A new or empty folder.
        count: int. Fakes. Defaults to one of each photo with a face.
        kind: str. A name of `KINDS`.
        seed: int. The same seed gives the same files, whatever the number of workers; resynthesised
            ones, which come from a network that is fitted first, only on the same machine.
        with_reals: bool. Whether to write the photos that were used, too, by the same encoder, so
            that the classes differ in nothing but the forgery.
        workers: int. Threads.

    Returns:
        What was written.

    Raises:
        TrainingError: no face or, for swaps, no second person was found; or the output folder
            cannot be used.
    """
    if count is not None and count < 1:
        raise TrainingError(f"At least one fake is needed. Received: {count}.")
    claim_folder(output, reals.root)
    reader = FaceReader(ANY_INPUT, workers)
    photos = _look_at(reals, reader, count, seed, workers)
    fakes = len(photos) if count is None else count
    kinds = KINDS[kind]
    if "swap" in kinds and not any(_donors(photos, index) for index in range(len(photos))):
        raise TrainingError(
            "A swap needs photos of two people in one split, and only one was found. Add photos, "
            "or use --kind self."
        )
    forger = _fit(photos, reader, seed) if "resynthesis" in kinds else None
    work = _Work(photos, reader, forger, output, seed)
    names = _Names()
    jobs = [
        # The second fake of a photo is of another kind than its first.
        (index % len(photos), kinds[sum(divmod(index, len(photos))) % len(kinds)], index)
        for index in range(fakes)
    ]
    targets = [
        _place(photos[target], reals.has_splits, 1) / names.free(f"{photos[target].name}_{method}")
        for target, method, _ in jobs
    ]

    def run(job: tuple[tuple[int, str, int], Path]) -> dict[str, str] | None:
        (target, method, index), name = job
        random = np.random.default_rng([seed, index])
        try:
            return _forge(work, target, method, name, random)
        except OSError as error:  # deleted meanwhile, or cannot be written
            refuse_full(error, output)
            reader.skipped.append(f"{photos[target].sample.path}: {error.strerror}.")
            return None

    rows: list[dict[str, str]] = []
    with ThreadPoolExecutor(workers) as pool:
        results = pool.map(run, zip(jobs, targets, strict=True))
        rows += [row for row in progress(results, fakes, "blending") if row]
        used = sorted({target for target, _, _ in jobs}) if with_reals else []
        places = [_place(photos[index], reals.has_splits, 0) / photos[index].name for index in used]
        again = pool.map(lambda *one: _copy_real(work, *one), used, places)
        kept = [row for row in progress(again, len(used), "writing reals") if row]
    write_table(output / layouts.TABLE, COLUMNS, [*kept, *rows])
    notes = []
    if len(rows) < fakes:
        notes.append(
            f"{fakes - len(rows):,} fakes could not be made for want of a donor, or of a file."
        )
    return Blended(len(rows), len(kept), tuple(reader.skipped), tuple(notes))


def encode_like(pixels: np.ndarray, original: Path, kind: str) -> tuple[bytes, str]:
    """Write a picture in the format and, as JPEG, with the quality of another.

    Args:
        pixels: uint8 array (height, width, 3).
        original: Path. The file to write alike.
        kind: str. Its format, as in `Picture.format`.

    Returns:
        The file, and its ending.
    """
    image, buffer = Image.fromarray(pixels), io.BytesIO()
    if kind in ("PNG", "BMP", "TIFF", "GIF"):
        image.save(buffer, "PNG")
        return buffer.getvalue(), ".png"
    if kind == "WEBP":
        image.save(buffer, "WEBP", quality=QUALITY)
        return buffer.getvalue(), ".webp"
    if kind == "JPEG":
        with Image.open(original, formats=("JPEG", "MPO")) as opened:
            tables = getattr(opened, "quantization", None)
            sampling = JpegImagePlugin.get_sampling(opened)
        if tables:
            # Grey and odd files: the usual 4:2:0.
            sampling = 2 if sampling < 0 else sampling
            image.save(buffer, "JPEG", qtables=tables, subsampling=sampling)
            return buffer.getvalue(), ".jpg"
    image.save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue(), ".jpg"


class _Names:
    """File names that have not been given."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def free(self, stem: str, first: str = "1") -> str:
        """The stem with `first` behind it, or else the first number that makes it new."""
        endings = chain([first], map(str, count_up(2)))
        name = next(stem + ending for ending in endings if stem + ending not in self._taken)
        self._taken.add(name)
        return name


def _unlabelled(folder: Path, pictures: Sequence[Path]) -> Dataset:
    if label_words.label_of(folder.resolve().name) == 1:
        raise TrainingError(
            f"{folder} is named like a folder of fakes. Name a folder of real photos."
        )
    samples = []
    places = [path.relative_to(folder).parts[:-1] for path in pictures]
    rests = [tuple(p for p in parts if label_words.split_of(p) is None) for parts in places]
    frames, _ = groups.frame_groups(
        [(rest, path.stem) for rest, path in zip(rests, pictures, strict=True)]
    )
    for path, parts, group in zip(pictures, places, frames, strict=True):
        splits = [split for part in parts if (split := label_words.split_of(part))]
        samples.append(Sample(path, 0, splits[-1] if splits else "", "real", group))
    has_splits = any(sample.split for sample in samples)
    grouped, group_notes = groups.group_by_names(samples)
    settled, split_notes = groups.settle_splits(grouped)
    notes = ("No folder names a class, so all photos are taken for real.", *group_notes)
    address, kept = str(folder), tuple(settled)
    return Dataset(folder, address, "photos", kept, {}, has_splits, (*notes, *split_notes))


def _look_at(
    reals: Dataset, reader: FaceReader, count: int | None, seed: int, workers: int
) -> list[_Photo]:
    """The photos that have a face, in random order if only some are needed."""
    samples = list(reals.samples)
    if count is not None:
        order = np.random.default_rng(seed).permutation(len(samples))
        wanted = max(POOL_FACTOR * count, SMALLEST_POOL)
        samples = [samples[int(index)] for index in order[:wanted]]

    def read(sample: Sample) -> np.ndarray | None:
        found = reader.in_picture(sample)
        return None if found is None else blending.look(found.face)

    photos, taken = [], _Names()
    with ThreadPoolExecutor(workers) as pool:
        looks = progress(pool.map(read, samples), len(samples), "finding faces")
        for sample, look in zip(samples, looks, strict=True):
            if look is not None:
                photos.append(_Photo(sample, _flat_name(sample, reals.root, taken), look))
    if not photos:
        raise TrainingError(f"No face was found in the photos of {reals.address}.")
    return photos


def _flat_name(sample: Sample, root: Path, taken: _Names) -> str:
    """One name for the path below class and split, such as “person1_0003”."""
    name = relative_name(sample.path, root).with_suffix("")
    kept = [
        part for part in name.parts[:-1]
        if label_words.label_of(part) is None and label_words.split_of(part) is None
    ]  # fmt: skip
    return taken.free("_".join((*kept, name.name)), first="")


def _place(photo: _Photo, has_splits: bool, label: int) -> Path:
    return Path(photo.sample.split if has_splits else "", CLASSES[label])


def _donors(photos: Sequence[_Photo], target: int) -> list[int]:
    """Photos of the same split and of another group."""
    of = photos[target].sample
    return [
        index
        for index, photo in enumerate(photos)
        if index != target
        and photo.sample.split == of.split
        and not (of.group and photo.sample.group == of.group)
    ]


def _forge(
    work: _Work, target: int, method: str, name: Path, random: np.random.Generator
) -> dict[str, str] | None:
    photo = work.photos[target]
    found = work.reader.in_picture(photo.sample)
    donor = None
    if found is None:
        return None
    if method == "swap":
        index = blending.choose_donor(
            photo.look, [p.look for p in work.photos], _donors(work.photos, target), random
        )
        donor = None if index is None else work.photos[index].sample
        other = None if donor is None else work.reader.in_picture(donor)
        if other is None:
            return None
        fake = blending.swap(found.face, other.face, random)
    elif method == "self":
        fake = _self_blend(found, random)
    elif work.forger is not None and method == "resynthesis":
        fake = work.forger.fake(found.face, random)
    else:
        fake = blending.reenact(found.face, random)
    path = _save(found, fake.pixels, photo.sample, work.output, name)
    return _row(photo, path, 1, fake.source) | {
        "kind": method,
        "donor": "" if donor is None else str(donor.path),
        "seed": str(work.seed),
    }


def _fit(photos: Sequence[_Photo], reader: FaceReader, seed: int) -> Forger:
    # Keras takes seconds to import, which the other kinds need not wait for.
    from deepfake.forging import resynthesis

    chosen = np.random.default_rng(seed).permutation(len(photos))[:FITTED_PHOTOS]
    found = [reader.in_picture(photos[int(index)].sample) for index in chosen]
    faces = [one.face for one in found if one is not None]
    network = resynthesis.fit_autoencoder(faces, seed, resynthesis.FITTING_STEPS)
    return resynthesis.Resynthesizer(network)


def _self_blend(found: FaceInPicture, random: np.random.Generator) -> TrainingFace:
    """A self-blended face that fits into its picture.

    Every second one has its surroundings changed instead of the face. In training that is as good;
    in a larger picture it would leave a square.
    """
    for _ in range(MAX_DRAWS):
        fake = blending.self_blend(found.face, random)
        if found.fits(fake.pixels):
            break
    return fake


def _copy_real(work: _Work, index: int, name: Path) -> dict[str, str] | None:
    photo = work.photos[index]
    found = work.reader.in_picture(photo.sample)
    if found is None:
        return None
    try:
        path = _save(found, found.face.pixels, photo.sample, work.output, name)
    except OSError as error:
        refuse_full(error, work.output)
        work.reader.skipped.append(f"{photo.sample.path}: {error.strerror}.")
        return None
    return _row(photo, path, 0, photo.sample.source)


def _save(
    found: FaceInPicture, pixels: np.ndarray, sample: Sample, output: Path, name: Path
) -> Path:
    data, suffix = encode_like(found.with_face(pixels), sample.path, found.picture.format)
    path = name.with_name(name.name + suffix)
    (output / path.parent).mkdir(parents=True, exist_ok=True)
    (output / path).write_bytes(data)
    return path


def _row(photo: _Photo, path: Path, label: int, source: str) -> dict[str, str]:
    return {
        "path": path.as_posix(),
        "label": CLASSES[label],
        "split": photo.sample.split,
        "generator": source,
        "group": photo.sample.group or photo.name,
        "original": str(photo.sample.path),
    }
