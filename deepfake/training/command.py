"""`deepfake train`: a labelled folder → a run folder that `--model` takes."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from deepfake.training import dataset, shipping, trainer


def train(data: Path, run: Path, options: argparse.Namespace) -> str:
    """Train and ship a model.

    Args:
        data: Path. The data set, as `dataset.find_samples` reads it.
        run: Path. The run folder.
        options: Namespace. Fields of `TrainingConfig` and of `Description`.

    Returns:
        What to tell the user.

    Raises:
        TrainingError: the data or an option cannot be used.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    config = trainer.TrainingConfig(
        image_size=options.image_size,
        epochs=options.epochs,
        steps=options.steps,
        batch_size=options.batch_size,
        learning_rate=options.learning_rate,
        blend_share=options.blend_share,
        weights=options.weights,
        seed=options.seed,
    )
    samples = dataset.find_samples(data)
    network = trainer.fit(samples, config, run)
    description = shipping.Description(options.name, options.version_name, options.licence)
    manifest = shipping.ship(network, samples, config, run, description)
    figures = manifest.metrics["test"]
    return (
        f"ROC-AUC {figures['roc_auc']:.3f} on {figures['reals']} real and {figures['fakes']} fake "
        f"faces ({manifest.metrics['measured_on']}), threshold {manifest.threshold:.2f}.\n"
        f"Try it: deepfake detect PHOTO --model {run}"
    )
