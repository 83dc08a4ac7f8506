"""What the two networks see: 1.3.0 as it was shipped, and a network behind upright, levelled crops."""

from pathlib import Path

from deepfake.manifest import Input as Input
from deepfake.manifest import read_manifest
from deepfake.preprocessing import TURNED_FROM as TURNED_FROM
from deepfake.preprocessing import crop as crop
from deepfake.preprocessing import level as level

NEW = read_manifest(Path("/work/main/models/default")).input
OLD = NEW.model_copy(update={"align": "none", "exposure": "none"})


def replace(spec, **changes):
    """The same with changes."""
    return spec.model_copy(update=changes)
