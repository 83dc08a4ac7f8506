"""Report and manifest → model card, in the Hub's format, and the results in the README.

Every figure comes from the manifest or from `evaluation/report.json`. To write both again after one
of these has changed: `python -m deepfake.shipping.card models/default README.md`.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

from huggingface_hub import EvalResult, ModelCardData

from deepfake import figures
from deepfake.errors import TrainingError
from deepfake.evaluation import report
from deepfake.evaluation.document import (
    EvaluationReport,
    Latency,
    SetFigures,
)
from deepfake.formatting import number, percent
from deepfake.manifest import ModelManifest, read_manifest
from deepfake.shipping import card_tables as tables
from deepfake.shipping.calibration import (
    MAX_FALSE_POSITIVES,
    MAX_SOURCE_FALSE_POSITIVES,
    SMALLEST_SOURCE,
)

FILE = "README.md"
EVALUATION = tables.FOLDER
RESULTS = re.compile(r"(?<=<!-- results -->\n).*?(?=<!-- /results -->)", re.DOTALL)
TASK = "image-classification"
RULES = {
    "fpr": "The threshold is the lowest of 0.01 to 0.99 at which at most "
    f"{100 * MAX_FALSE_POSITIVES:.0f} % of the real validation faces (each as it is and damaged at "
    f"random), and at most {100 * MAX_SOURCE_FALSE_POSITIVES:.0f} % of any of their sources with "
    f"{SMALLEST_SOURCE} such faces or more, are called fake.",
    "half": "The threshold is 0.5, as was asked for.",
    "youden": "The threshold is where the share of caught fakes exceeds that of reals called fake "
    "by most (Youden's J) on the validation faces, as they are and damaged at random, the blended "
    "fakes among them.",
    # Chosen on left-out logits (docs/model-2.md); no rule of `deepfake train`.
    "elsewhere": "The threshold is the lowest of 0.01 to 0.99 at which at most 5 % of the real "
    "faces from elsewhere (see “Left out of training”; a source weighs by the root of its faces), "
    "and at most 15 % of any of their sources with 20 faces or more, are called fake.",
}
INTENDED = """\
To give a second opinion on whether a photographed face was generated or manipulated, to people who
look at the picture as well: in teaching, in research, and to sort what deserves a closer look.
"""
NOT_FOR = """\
- Proof. A verdict is evidence with a measured error rate; do not accuse, dismiss, refuse or pay
  anyone because of it.
- Decisions without a person, identity checks, and anything in court.
- Pictures without a face, and edits outside of the face.
- Videos or sound as such; it judges single pictures.
"""
KNOWN_FAILURES = """\
What else was measured is in the tables above: small, blurred and compressed faces, forgeries, and
each source. These are **expected and were not measured**:

- **Beauty filters, retouching and heavy make-up** smooth skin and move features, as some fakes do:
  a real face may be called fake.
- **Art, dolls, masks, statues and game characters** are neither of the two classes; any verdict on
  them is chance.
- **Tiny or blurred faces** hold too few pixels. Under 40 pixels none is judged; the robustness grid
  has measurements of artificial blur and shrinking, not of phones and zoomed-in screenshots.
- **Photographs taken in the dark** are noisy besides; darkening a picture afterwards, as in “Edited
  pictures” where it is above, is not the same.
- **Profile views and covered faces** are rare in the training data, and the face finder may miss
  them.
- **Screens and prints photographed again** add and hide traces.
- **Generators and swapping tools that are newer than the training data** leave other traces. Error
  rates by skin tone, age or sex are known only where they stand above; the sources are not balanced
  for them.
"""


def write(manifest: ModelManifest, document: EvaluationReport) -> str:
    """Write the model card.

    Args:
        manifest: ModelManifest. Of the model.
        document: EvaluationReport. That in its folder.

    Returns:
        Markdown with the Hub's YAML header.
    """
    model = document.models[0]
    tested = model.sets[0]
    measured = tested.figures
    low, high = manifest.uncertain_band
    sections = {
        "Intended use": INTENDED,
        "Not for": NOT_FOR,
        # First what is to be expected of photos and generators from elsewhere.
        "Left out of training": tables.elsewhere(manifest)
        + tables.reasons(manifest)
        + tables.protocols(document.protocols),
        "How well it works": _test(document, tested),
        "By source": tables.sources(tested.sources, "real")
        + "\n"
        + tables.sources(tested.sources, "fake"),
        "Pictures delivered worse": tables.tiers(tested.tiers),
        "Robustness": tables.grid(tested.grid),
        "Edited pictures": tables.edits(tested.edits),
        "Face swaps and other forgeries": tables.blends(document.blends),
        "Threshold and uncertain band": f"{RULES[document.threshold_rule]} Here it is "
        f"{manifest.threshold:.2f}{_reached(document)}; P(fake) from "
        f"{low:.2f} to {high:.2f} is called uncertain, {_band(document.threshold_rule)}.\n",
        "Calibration": "P(fake) is sigmoid(logit / "
        f"{manifest.calibration.temperature:.3f} {manifest.calibration.bias:+.3f}), fitted on "
        f"{manifest.calibration.fitted_on}. On the test its expected calibration error is "
        f"{number(measured.ece)}, with both classes weighing the same "
        f"{number(measured.ece_equal_classes)}. Where fakes are rare, P(fake) is too high.\n\n"
        f"![Reliability diagram]({EVALUATION}/reliability.png)\n",
        "Known failures": f"{document.card.failures}\n{KNOWN_FAILURES}".lstrip(),
        "Speed": _latency(model.latency),
        "Training data and licences": tables.plain(manifest.training_data)
        + "\n\n"
        + document.card.data,
        "Licence of the weights": tables.plain(manifest.licence) + "\n",
        "Make it again": _command(document.card.command),
        "Files": "".join(f"- `{name}`: SHA-256 `{sha}`\n" for name, sha in manifest.files.items())
        + f"- `{EVALUATION}/report.html`: all figures and plots on one page\n",
    }
    head = (
        f"---\n{_metadata(manifest, document).to_yaml()}\n---\n\n"
        f"# {tables.plain(f'{manifest.name} {manifest.version}')}\n\n"
        f"Tells real face photographs from fakes. {manifest.architecture}, input "
        f"{manifest.input.size} × {manifest.input.size} pixels"
        + (
            "" if manifest.input.crop == "full"
            else f", the face with a square of {manifest.input.crop} × its box"
        )
        + ".\n"
    )  # fmt: skip
    return head + "".join(
        f"\n## {title}\n\n{text.rstrip()}\n" for title, text in sections.items() if text.strip()
    )


def readme_table(manifest: ModelManifest, document: EvaluationReport) -> str:
    """The results for the README of the project.

    Args:
        manifest: ModelManifest. Of the default model.
        document: EvaluationReport. Of the default model.

    Returns:
        Markdown.
    """
    model = document.models[0]
    tested = model.sets[0]
    low, high = model.uncertain_band
    parts = [
        tables.elsewhere(manifest),
        tables.protocols(document.protocols),
        f"Measured on {document.measured_on}, at the threshold of {model.threshold:.2f} "
        f"(from {low:.2f} to {high:.2f} is “uncertain”). It is **in-distribution**: the same "
        "sources and generators as in training. Expect more errors elsewhere.\n",
        tables.tiers(tested.tiers),
        tables.blends(document.blends),
        tables.sources(tested.sources, "real"),
        tables.sources(tested.sources, "fake"),
    ]
    return "\n".join(part for part in parts if part)


def with_results(readme: str, manifest: ModelManifest, document: EvaluationReport) -> str:
    """A README with the results between its markers replaced.

    Args:
        readme: str. With `<!-- results -->` and `<!-- /results -->` on lines of their own.
        manifest: ModelManifest. As of `readme_table`.
        document: EvaluationReport. Likewise.

    Raises:
        TrainingError: it has no markers.
    """
    changed, count = RESULTS.subn(lambda _: readme_table(manifest, document), readme)
    if count != 1:
        raise TrainingError("The README has no lines <!-- results --> and <!-- /results -->.")
    return changed


def refresh(folder: Path, readme: Path | None = None, runs: Sequence[Path] = ()) -> None:
    """Write the card of a model folder, and the results in a README, again.

    Args:
        folder: Path. With `model.json` and `evaluation/report.json`.
        readme: Path. Defaults to none.
        runs: sequence of Path. Runs of `deepfake train --leave-out`, whose figures on what they
            were trained without replace those in the report. Defaults to none.
    """
    document = report.read(folder / EVALUATION)
    if runs:
        rows = [
            row.model_copy(update={"network": "other"})
            for run in runs
            for row in report.read(run / EVALUATION).protocols
        ]
        document = report.amend(folder / EVALUATION, {"protocols": rows})
    manifest = read_manifest(folder)
    (folder / FILE).write_text(write(manifest, document), encoding="utf-8")
    if readme is not None:
        text = with_results(readme.read_text(encoding="utf-8"), manifest, document)
        readme.write_text(text, encoding="utf-8")


def _metadata(manifest: ModelManifest, document: EvaluationReport) -> ModelCardData:
    measured = document.models[0].sets[0].figures
    return ModelCardData(
        language="en",
        license="other",
        license_name="see-licence-section",
        library_name="keras",
        pipeline_tag=TASK,
        tags=["deepfake-detection", "face", "litert"],
        metrics=["roc_auc", "accuracy"],
        model_name=f"{manifest.name} {manifest.version}",
        eval_results=[
            EvalResult(
                task_type=TASK,
                dataset_type="private",
                dataset_name=document.measured_on,
                metric_type=column.name,
                metric_name=column.label,
                metric_value=column.value(measured),
            )
            for column in figures.HUB
        ],
    )


def _test(document: EvaluationReport, tested: SetFigures) -> str:
    return "\n".join(
        [
            f"Measured on {document.measured_on}: {tested.figures.reals} real and "
            f"{tested.figures.fakes} fake faces ({tested.not_judged.total} pictures could not be "
            "judged). These are the same sources as in training, so **expect more errors on "
            "photos and generators from elsewhere**. Brackets hold 95 % intervals.\n",
            tables.test(tested.figures),
            f"![ROC curve]({EVALUATION}/roc.png)\n",
        ]
    )


def _band(rule: str) -> str:
    if rule == "elsewhere":
        return "a band that begins where the evidence from elsewhere is even"
    return "a band for which blended fakes count too"


def _reached(document: EvaluationReport) -> str:
    """What the threshold does to the faces it was chosen on; older reports do not say."""
    reached = document.threshold_reached
    if reached is None:
        return ""
    share = percent(reached.false_positive_rate)
    faces = "faces from elsewhere" if document.threshold_rule == "elsewhere" else "validation faces"
    words = f", where {share} of the real {faces} are called fake"
    if reached.worst_source:
        rate = percent(reached.worst_source_false_positive_rate)
        words += f" (of the source {tables.plain(reached.worst_source)} {rate})"
    return words + ("" if reached.within_limits else ": **the limits were not met**")


def _latency(latency: Latency | None) -> str:
    if latency is None:
        return ""
    return (
        f"{latency.median_ms} ms a picture from opening the file to the verdict (median of "
        f"{latency.files} test pictures on the machine that made this card), of which "
        f"{latency.faces_median_ms} ms find the faces and {latency.model_median_ms} ms run "
        "the network with LiteRT.\n"
    )


def _command(command: str) -> str:
    if command:
        return f"```sh\n{command}\n```\n"
    return "`deepfake train DATA -o RUN` with the options that are in the run's `config.json`.\n"


def main() -> None:
    """Refresh a card from the command line."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("readme", type=Path, nargs="?")
    parser.add_argument("--left-out", type=Path, nargs="*", default=[], metavar="RUN")
    options = parser.parse_args()
    refresh(options.folder, options.readme, options.left_out)


if __name__ == "__main__":
    main()
