"""`deepfake augment`: a data set → a folder with augmented copies, labels and layout kept."""

from __future__ import annotations

import csv
import errno
import hashlib
import os
import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from deepfake import imaging
from deepfake.datasets import layouts
from deepfake.datasets.dataset import Dataset
from deepfake.datasets.samples import CLASSES, Sample
from deepfake.errors import ImageError, TrainingError
from deepfake.forging import recipes
from deepfake.progress import progress
from deepfake.settings import Settings

LOG = "augmentations.csv"
LOG_COLUMNS = ("copy", "original", *(field.name for field in fields(recipes.Recipe)))
# A disk that takes no more: no use to go on with the next file.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
TABLE_COLUMNS = ("path", "label", "split", "generator", "group")


@dataclass(frozen=True)
class Augmented:
    """What was written.

    Attributes:
        augmented: int. Augmented copies.
        originals: int. Files that were copied as they are.
        skipped: tuple of str. Files that could not be read, each with the reason.
    """

    augmented: int
    originals: int
    skipped: tuple[str, ...]


@dataclass(frozen=True)
class _Job:
    sample: Sample
    name: Path
    stems: tuple[str, ...]
    keep: bool


@dataclass(frozen=True)
class _Written:
    sample: Sample
    name: Path
    recipe: recipes.Recipe | None
    original: Path


def augment(
    dataset: Dataset,
    output: Path,
    count: int,
    kinds: Collection[str] = recipes.USUAL,
    seed: int = 0,
    *,
    originals: bool = True,
    all_splits: bool = False,
    workers: int = 2,
) -> Augmented:
    """Write a data set again, with augmented copies of its pictures beside them.

    A copy of `train/real/a.png` is `train/real/a_aug1.jpg`; `augmentations.csv` tells what was done
    to each. Where the data set has splits, validation and test are copied as they are.

    Args:
        dataset: Dataset. As of `find_dataset`.
        output: Path. A new or empty folder.
        count: int. Copies of each picture.
        kinds: names of `recipes.KINDS`. What may be done.
        seed: int. The same seed gives the same bytes, whatever the number of workers.
        originals: bool. Whether to copy the pictures, too, that copies are made of.
        all_splits: bool. Whether to augment validation and test as well.
        workers: int. Threads.

    Returns:
        What was written.

    Raises:
        TrainingError: the output folder holds files, lies in the data set or is full, or `count` is
            below 1.
    """
    if count < 1:
        raise TrainingError(f"At least one copy of each picture is needed. Received: {count}.")
    claim_folder(output, dataset.root)
    settings = Settings.from_environment()
    jobs = _plan(dataset, count, originals, all_splits)

    def run(job: _Job) -> list[_Written] | str:
        try:
            return _write(job, output, kinds, seed, settings)
        except ImageError as error:
            return f"{job.sample.path}: {error}"
        except OSError as error:
            refuse_full(error, output)
            return f"{job.sample.path}: {error.strerror}."

    written: list[_Written] = []
    skipped = []
    with ThreadPoolExecutor(workers) as pool:
        for result in progress(pool.map(run, jobs), len(jobs), "augmenting"):
            if isinstance(result, str):
                skipped.append(result)
            else:
                written += result
    augmented = [w for w in written if w.recipe is not None]
    write_table(output / LOG, LOG_COLUMNS, (_log_row(w) for w in augmented))
    if dataset.is_table:
        rows = (_table_row(w, dataset.has_splits) for w in written)
        write_table(output / layouts.TABLE, TABLE_COLUMNS, rows)
    return Augmented(len(augmented), len(written) - len(augmented), tuple(skipped))


def claim_folder(output: Path, data: Path) -> None:
    """Make an output folder, or refuse one that would mix with other files.

    Args:
        output: Path. The folder.
        data: Path. Folder of the data set; the output must not be in it.

    Raises:
        TrainingError: it holds files, lies in the data set, or cannot be made.
    """
    if output.resolve().is_relative_to(data.resolve()):
        raise TrainingError(f"{output} lies in the data set {data}. Name a folder outside it.")
    try:
        output.mkdir(parents=True, exist_ok=True)
        if any(output.iterdir()):
            raise TrainingError(f"{output} holds other files. Name a new or empty folder.")
    except OSError as error:
        raise TrainingError(f"{output} cannot be written to: {error.strerror}.") from error


def refuse_full(error: OSError, output: Path) -> None:
    """Turn away if an error says that no file at all can be written.

    Args:
        error: OSError. Of one file.
        output: Path. The output folder.

    Raises:
        TrainingError: the disk is full or takes no files.
    """
    if error.errno in FULL:
        raise TrainingError(
            f"{output} takes no more files: {error.strerror}. What was written so far has no "
            "table, so make room, empty the folder and start again."
        ) from error


def relative_name(path: Path, root: Path) -> Path:
    """Where a file of a data set goes in an output folder.

    Args:
        path: Path. The file; a table may name files outside the data set's folder.
        root: Path. Of the data set.
    """
    if path.is_relative_to(root) and ".." not in path.parts:
        return Path(_in_utf8(path.relative_to(root)))
    digest = hashlib.sha256(os.fsencode(path)).hexdigest()[:8]
    return Path("outside", f"{digest}_{_in_utf8(path.name)}")


def _in_utf8(name: str | Path) -> str:
    """The name as tables can hold it: “caf_xe9.png” for one in an old encoding."""
    data = os.fsencode(name)
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode(errors="backslashreplace").replace("\\", "_")


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> None:
    """Write a CSV file with the columns in this order.

    Raises:
        TrainingError: it cannot be written.
    """
    try:
        # Names of other files may be in no encoding at all.
        with path.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
            writer = csv.DictWriter(file, columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    except OSError as error:
        raise TrainingError(f"{path} cannot be written: {error.strerror}.") from error


def _plan(dataset: Dataset, count: int, originals: bool, all_splits: bool) -> list[_Job]:
    """Names for all files, none of them twice: “a.jpg” and “a.png” may lie side by side."""
    names = [relative_name(sample.path, dataset.root) for sample in dataset.samples]
    taken = {name.with_suffix("") for name in names}
    jobs = []
    for sample, name in zip(dataset.samples, names, strict=True):
        if dataset.has_splits and not all_splits and sample.split != "train":
            jobs.append(_Job(sample, name, (), keep=True))
            continue
        stems: list[str] = []
        number = 0
        while len(stems) < count:
            number += 1
            stem = f"{name.stem}_aug{number}"
            if name.parent / stem not in taken:
                stems.append(stem)
                taken.add(name.parent / stem)
        jobs.append(_Job(sample, name, tuple(stems), keep=originals))
    return jobs


def _write(
    job: _Job, output: Path, kinds: Collection[str], seed: int, settings: Settings
) -> list[_Written]:
    picture = imaging.read(job.sample.path, settings) if job.stems else None
    folder = output / job.name.parent
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    if job.keep:
        shutil.copyfile(job.sample.path, output / job.name)
        written.append(_Written(job.sample, job.name, None, job.name))
    digest = hashlib.sha256(job.name.as_posix().encode("utf-8", "surrogateescape")).digest()
    for number, stem in enumerate(job.stems, 1):
        assert picture is not None  # noqa: S101  read above
        random = np.random.default_rng([seed, int.from_bytes(digest[:8], "big"), number])
        recipe = recipes.draw(random, kinds)
        pixels = recipes.apply(picture.pixels, recipe)
        data, suffix = recipes.encode(pixels, recipe, picture.format)
        name = job.name.with_name(stem + suffix)
        (output / name).write_bytes(data)
        written.append(_Written(job.sample, name, recipe, job.name))
    return written


def _log_row(written: _Written) -> dict[str, str]:
    assert written.recipe is not None  # noqa: S101  only augmented files are logged
    names = {"copy": written.name.as_posix(), "original": written.original.as_posix()}
    return names | written.recipe.to_row()


def _table_row(written: _Written, has_splits: bool) -> dict[str, str]:
    sample = written.sample
    return {
        "path": written.name.as_posix(),
        "label": CLASSES[sample.label],
        "split": sample.split if has_splits else "",
        "generator": sample.source,
        "group": sample.group or written.original.with_suffix("").as_posix(),
    }
