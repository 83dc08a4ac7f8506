"""Manifest → model card, in the Hub's format. Every figure comes from the manifest."""

from __future__ import annotations

from typing import Any

from deepfake.modelstore.manifest import ModelManifest
from deepfake.verdict import operating_point


def write(manifest: ModelManifest) -> str:
    """Write the model card.

    Args:
        manifest: ModelManifest. With the metrics that `shipping.ship` measured.

    Returns:
        Markdown with the Hub's YAML header.
    """
    figures = manifest.metrics
    low, high = manifest.uncertain_band
    parts = [
        "---\nlibrary_name: keras\npipeline_tag: image-classification\n"
        "tags: [deepfake-detection, face, litert]\n---\n",
        f"# {manifest.name} {manifest.version}\n",
        f"Tells real face photographs from fakes. {manifest.architecture}, input "
        f"{manifest.input.size} × {manifest.input.size} pixels, the face with a square of "
        f"{manifest.input.crop} × its box. Its second output is the class activation map.\n",
        "## How well it works\n",
        f"Measured on {figures['measured_on']}: the same sources as in training, so **expect more "
        "errors on photos and generators from elsewhere**.\n",
        _summary(figures),
        f"\nThreshold {manifest.threshold:.2f}; scores from {low:.2f} to {high:.2f} are called "
        f"uncertain. {_at_threshold(manifest)}\n",
        "\n### By source\n",
        "“P ≥ threshold” is what would count as fake without the uncertain band.\n",
        _sources(figures["sources"]),
        "\n### By source, damaged at random (scaled, blurred, sharpened, compressed, recoloured)\n",
        _sources(figures["sources_damaged"]),
        "\n## Training data\n",
        manifest.training_data + "\n",
        "\n## Limits\n",
        "- It judges faces of at least 40 pixels; nothing else in a picture.\n"
        "- Other generators, face swaps made with better tools, heavy retouching, make-up filters, "
        "screens photographed again, drawings and masks were not in the test above.\n"
        "- The calibration holds for data like the validation split, with as many fakes as reals.\n"
        "- Skin tones, ages and poses are represented as in the training sources, which were not "
        "balanced for them; error rates by group were not measured.\n"
        "- A verdict is evidence, not proof.\n",
        f"\n## Licence\n\n{manifest.licence}\n",
        "\n## Files\n\n",
        "".join(f"- `{name}`: SHA-256 `{digest}`\n" for name, digest in manifest.files.items()),
        "\nThe largest difference between the logits of the two on validation faces was "
        f"{figures['litert_keras_largest_logit_difference']}.\n",
    ]
    return "".join(part if part.endswith("\n") else part + "\n" for part in parts)


def _summary(figures: dict[str, Any]) -> str:
    rows = [
        ("test, as it is", figures["test"]),
        ("test, damaged at random", figures["test_damaged"]),
        ("test reals against fakes blended from them", figures["test_blended"]),
    ]
    lines = [
        "| | reals | fakes | ROC-AUC (95 %) | average precision | ECE | Brier |",
        "|---|---|---|---|---|---|---|",
    ]
    for title, part in rows:
        low, high = part["roc_auc_95"]
        lines.append(
            f"| {title} | {part['reals']} | {part['fakes']} | {part['roc_auc']:.3f} "
            f"({low:.3f}–{high:.3f}) | {part['average_precision']:.3f} | {part['ece']:.3f} "
            f"| {part['brier']:.3f} |"
        )
    return "\n".join(lines) + "\n"


def _at_threshold(manifest: ModelManifest) -> str:
    point = operating_point(manifest, manifest.threshold)
    if point is None:
        return ""
    return (
        f"At the threshold {100 * point.false_positive_rate:.1f} % of the test's real faces count "
        f"as fake, and {100 * point.true_positive_rate:.1f} % of its fakes are caught."
    )


def _sources(shares: dict[str, dict[str, float]]) -> str:
    lines = [
        "| source | faces | P ≥ threshold | fake | uncertain | real |",
        "|---|---|---|---|---|---|",
    ]
    for source, share in shares.items():
        cells = " | ".join(
            f"{100 * share[key]:.1f} %"
            for key in ("at_or_above_threshold", "fake", "uncertain", "real")
        )
        lines.append(f"| {source} | {share['count']} | {cells} |")
    return "\n".join(lines) + "\n"
