"""What is known of a model, for the tab "About this model"."""

from __future__ import annotations

import base64
import re
from pathlib import Path

from deepfake.manifest import ModelManifest
from deepfake.modelstore.resolve import LoadedModel
from deepfake.verdict import operating_point, uncertain_band
from deepfake.web.adjust import sources
from deepfake.web.texts import counts, has, number, of_hundred, say
from deepfake.web.told import told_html
from deepfake.web.wording import plain

PICTURES = {".png": "image/png", ".jpg": "image/jpeg"}
MAX_PICTURE_BYTES = 1_000_000
# ![text](place), ![text][reference] and <img …>
MARKDOWN_PICTURE = re.compile(r"!\[([^\]]*)\](?:\(\s*<?([^)\s>]*)[^)]*\)|\[[^\]]*\])")
HTML_PICTURE = re.compile(r"<\s*(?:img|picture|source|video|audio|iframe)\b[^>]*>?", re.IGNORECASE)


def about(model: LoadedModel) -> str:
    """One screen of what matters, then contents and the model's card, or what its manifest says.

    Args:
        model: LoadedModel. The model.

    Returns:
        Markdown.
    """
    card = _card(model)
    title = f"# {model.manifest.name} {model.manifest.version}"
    if card is not None:
        # It is above already.
        card = card.lstrip().removeprefix(title + "\n")
    text = card or _from_manifest(model.manifest)
    if model.remarks:
        text += "\n\n## Remarks on the file\n\n" + "\n".join(f"- {plain(r)}" for r in model.remarks)
    # The card is its maker's, in English.
    return (
        f"{_first(model.manifest, card or '')}\n\n---\n\n### {say('about.contents')}\n\n"
        f'<div lang="en" dir="ltr">\n\n{_contents(text)}\n\n{text}\n\n</div>'
    )


def _first(manifest: ModelManifest, card: str) -> str:
    """What the model does, whom it is for, how often it is wrong elsewhere, known failures."""
    parts = [f"## {plain(manifest.called)}"]
    for part in ("what", "whom"):
        parts += [f"### {say(f'about.{part}')}", say(f"about.{part}_text")]
    parts += [f"### {say('about.errors')}", *_errors(manifest)]
    failures = "\n".join(f"- {told_html(name)}" for name in _failures(card))
    parts += [f"### {say('about.known')}", failures or say("about.known_none")]
    return "\n\n".join(parts)


def _errors(manifest: ModelManifest) -> list[str]:
    measured = manifest.operating_points_elsewhere
    called_fake_from = uncertain_band(manifest, manifest.threshold)[1]
    point = operating_point(manifest, called_fake_from, elsewhere=True)
    if measured is None or point is None:
        return [say("worth.not_measured")]
    basis = say("about.errors_basis", reals=number(measured.reals), fakes=number(measured.fakes))
    lines = [
        f"**{say('about.errors_text', **counts(point))}** {basis}",
        " ".join(plain(line) for line in sources(measured)),
    ]
    if measured.by_kind:
        kinds = say("list.comma").join(
            say(
                "about.kind", kind=say(f"kind.{name}") if has("kind", name) else plain(name),
                found=of_hundred(kind.true_positive_rate),
            )
            for name, kind in measured.by_kind.items()
        )  # fmt: skip
        lines.append(say("about.kinds", kinds=kinds))
    return lines


def _failures(card: str) -> list[str]:
    """The names of a card's known failures: what stands in bold at the start of each point."""
    section = re.search(r"^## Known failures\n(.*?)(?=^## |\Z)", card, re.DOTALL | re.MULTILINE)
    found = re.findall(r"^- \*\*(.+?)\*\*", section[1], re.DOTALL | re.MULTILINE) if section else []
    return [" ".join(name.split()) for name in found]


def _contents(text: str) -> str:
    """Links to a card's sections, by the anchors that Gradio gives headings."""
    links = [
        f"[{title}](#h-{re.sub(r'[^a-z0-9 -]', '', title.lower()).replace(' ', '-')})"
        for title in re.findall(r"^## (.+)$", text, re.MULTILINE)
    ]
    return " · ".join(links)


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
        "## Manifest",
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
