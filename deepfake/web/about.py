"""What is known of a model, for the tab "About this model"."""

from __future__ import annotations

import base64
import re
from pathlib import Path

from deepfake.manifest import ModelManifest
from deepfake.modelstore.resolve import LoadedModel
from deepfake.web.wording import plain

PICTURES = {".png": "image/png", ".jpg": "image/jpeg"}
MAX_PICTURE_BYTES = 1_000_000
# ![text](place), ![text][reference] and <img …>
MARKDOWN_PICTURE = re.compile(r"!\[([^\]]*)\](?:\(\s*<?([^)\s>]*)[^)]*\)|\[[^\]]*\])")
HTML_PICTURE = re.compile(r"<\s*(?:img|picture|source|video|audio|iframe)\b[^>]*>?", re.IGNORECASE)


def about(model: LoadedModel) -> str:
    """The model's card; without one, what its manifest says.

    Args:
        model: LoadedModel. The model.

    Returns:
        Markdown.
    """
    text = _card(model)
    if text is None:
        text = _from_manifest(model.manifest)
    if model.remarks:
        text += "\n\n## Remarks on the file\n\n" + "\n".join(f"- {plain(r)}" for r in model.remarks)
    return text


def _card(model: LoadedModel) -> str | None:
    if model.folder is None:
        return None
    try:
        text = (model.folder / "README.md").read_text(encoding="utf-8")
    except (OSError, UnicodeError):
        return None
    # The Hub's header between two lines of dashes is for machines.
    text = text.split("\n---\n", 1)[-1] if text.startswith("---\n") else text
    folder = model.folder
    text = HTML_PICTURE.sub("", text)
    return MARKDOWN_PICTURE.sub(lambda m: _picture(folder, m[1], m[2] or ""), text)


def _picture(folder: Path, text: str, place: str) -> str:
    """A picture of a card, put into the page, which has no address for files of a model.

    Others are left out: fetched from elsewhere, they would tell somebody who looks at this page.
    """
    try:
        file = (folder / place).resolve()
        kind = PICTURES[file.suffix.lower()]
        if folder.resolve() in file.parents and file.stat().st_size <= MAX_PICTURE_BYTES:
            return f"![{text}](data:{kind};base64,{base64.b64encode(file.read_bytes()).decode()})"
    except (KeyError, OSError, ValueError):
        pass  # not a picture, or not there: a wheel comes without them
    return ""


def _from_manifest(manifest: ModelManifest) -> str:
    lines = [
        f"# {plain(manifest.name)} {plain(manifest.version)}",
        "This model came without a model card. Its manifest says:",
        f"- **Network:** {plain(manifest.architecture)}, {manifest.input.size} × "
        f"{manifest.input.size} pixels",
        f"- **Trained on:** {plain(manifest.training_data) or 'not said'}",
        f"- **Licence:** {plain(manifest.licence) or 'not said'}",
        f"- **Threshold:** {manifest.threshold:.2f}",
        f"- **Calibrated on:** {plain(manifest.calibration.fitted_on) or 'not said'}",
    ]
    if manifest.origin:
        lines.append(f"- **From:** {plain(manifest.origin)}")
    if manifest.operating_points is None:
        lines.append("- **Error rates:** not measured, so nothing is known of how well it works")
    else:
        lines.append(
            f"- **Error rates measured on:** {plain(manifest.operating_points.measured_on)}"
        )
    return lines[0] + "\n\n" + lines[1] + "\n\n" + "\n".join(lines[2:])
