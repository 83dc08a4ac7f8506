"""The shipped model, whichever version it is: tests that name a figure would stop each new one."""

from deepfake.manifest import read_manifest
from deepfake.settings import models_folder

FOLDER = models_folder() / "default"
MANIFEST = read_manifest(FOLDER)
TITLE = MANIFEST.called
