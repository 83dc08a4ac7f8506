"""`deepfake data check`, `augment` and `blend`: options → what to tell the user."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from deepfake.errors import SettingError
from deepfake.modelstore.manifest import read_manifest
from deepfake.settings import models_folder
from deepfake.training import copies, data_check, data_text, forgeries, recipes
from deepfake.training.dataset import find_dataset


def check(options: argparse.Namespace) -> str:
    """Look at a data set.

    Args:
        options: Namespace. data, json, sample, image_size, seed, workers.

    Returns:
        The report, as text or JSON.

    Raises:
        TrainingError: the data cannot be found or understood.
        SettingError: an option out of range.
    """
    _require_positive("--sample", options.sample)
    _require_workers_and_seed(options)
    spec = read_manifest(models_folder() / "default").input
    if options.image_size is not None:
        if not 16 <= options.image_size <= 2048:
            raise SettingError(f"--image-size must be in 16..2048. Received: {options.image_size}.")
        spec = spec.model_copy(update={"size": options.image_size})
    found = find_dataset(options.data)
    report = data_check.check(found, spec, options.sample, options.seed, options.workers)
    if options.json:
        return json.dumps(report.to_dict(), indent=2, ensure_ascii=False)
    return data_text.as_text(report)


def augment(options: argparse.Namespace) -> str:
    """Write augmented copies.

    Args:
        options: Namespace. data, output, copies, use, without, no_originals, all_splits, seed,
            workers.

    Returns:
        What was written where.

    Raises:
        TrainingError: the data, the output folder or an option cannot be used.
    """
    _require_workers_and_seed(options)
    kinds = recipes.choose_kinds(options.use, options.without)
    found = find_dataset(options.data)
    print(found.describe(), file=sys.stderr)
    done = copies.augment(
        found,
        options.output,
        options.copies,
        kinds,
        options.seed,
        originals=not options.no_originals,
        all_splits=options.all_splits,
        workers=options.workers,
    )
    _list("skipped", done.skipped)
    return (
        f"{done.augmented:,} augmented copies and {done.originals:,} originals are in "
        f"{options.output}; {copies.LOG} tells what was done to each."
    )


def blend(options: argparse.Namespace) -> str:
    """Make fakes of real photos.

    Args:
        options: Namespace. data, output, count, kind, with_reals, seed, workers.

    Returns:
        What was written where.

    Raises:
        TrainingError: the photos, the output folder or an option cannot be used.
    """
    _require_workers_and_seed(options)
    reals = forgeries.find_reals(options.data)
    _list("Note", reals.notes)
    done = forgeries.blend(
        reals,
        options.output,
        options.count,
        options.kind,
        options.seed,
        with_reals=options.with_reals,
        workers=options.workers,
    )
    _list("skipped", done.skipped)
    _list("Note", done.notes)
    beside = f" and {done.reals:,} real photos" if done.reals else ""
    return (
        f"{done.fakes:,} fakes{beside} are in {options.output}; labels.csv tells how each was made."
    )


def _list(title: str, lines: Sequence[str]) -> None:
    for line in lines:
        print(f"{title}: {line}", file=sys.stderr)


def _require_positive(option: str, value: int) -> None:
    if value < 1:
        raise SettingError(f"{option} must be at least 1. Received: {value}.")


def _require_workers_and_seed(options: argparse.Namespace) -> None:
    _require_positive("--workers", options.workers)
    if options.seed < 0:
        raise SettingError(f"--seed must be 0 or more. Received: {options.seed}.")
