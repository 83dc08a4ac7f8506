"""Texts that image generators leave in their files."""

from __future__ import annotations

import re
from collections.abc import Iterable

from deepfake.provenance.clean import clean
from deepfake.provenance.facts import Generator

EXCERPT, LOOKED_AT = 160, 200_000
COMFYUI = "ComfyUI"
WEBUI = "Stable Diffusion web UI"
# Where a text has no name of its own (EXIF), by what is in it.
WEBUI_TEXT = re.compile(r"\bSteps: \d+, .{0,400}\bSampler: ", re.DOTALL)
COMFYUI_TEXT = re.compile(r'"class_type"\s*:|"last_node_id"\s*:')
INVOKEAI_NAMES = frozenset(
    ("invokeai_metadata", "invokeai_graph", "invokeai_workflow", "sd-metadata")
)
# `Software` of what writes nothing but generated pictures.
PROGRAMS = re.compile(
    r"novelai|midjourney|dall.?e\b|stable diffusion|comfyui|invokeai", re.IGNORECASE
)


def generators_in(texts: Iterable[tuple[str, str]]) -> tuple[Generator, ...]:
    """The generators that left a text.

    Args:
        texts: iterable of (name, text). Of PNG chunks and EXIF; names may be "".
    """
    found: dict[str, Generator] = {}
    for name, text in texts:
        program = _program(name.lower(), text[:LOOKED_AT])
        if program:
            found.setdefault(program, Generator(program, clean(text, EXCERPT)))
    return tuple(found.values())


def _program(name: str, text: str) -> str:
    if name in INVOKEAI_NAMES or (name == "dream" and text):
        return "InvokeAI"
    if name in ("prompt", "workflow", "") and COMFYUI_TEXT.search(text):
        return COMFYUI
    if name in ("parameters", "") and WEBUI_TEXT.search(text):
        return WEBUI
    if name in ("software", "source", "generator") and (known := PROGRAMS.search(text)):
        return clean(known.group())
    return ""
