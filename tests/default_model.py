"""The shipped model, whichever version it is: tests that name a figure would stop each new one."""

from pathlib import Path

from deepfake.modelstore.manifest import read_manifest

FOLDER = Path(__file__).resolve().parent.parent / "models" / "default"
MANIFEST = read_manifest(FOLDER)
TITLE = f"default {MANIFEST.version}"
