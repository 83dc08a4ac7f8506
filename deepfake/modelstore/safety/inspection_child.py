"""Inspects a Keras file. Started by `inspection` in a sandbox.

python -m deepfake.modelstore.safety.inspection_child hdf5|arrays|keras|members PATH LIMIT
"""

from __future__ import annotations

import sys
from pathlib import Path

from deepfake.modelstore.safety.hdf5 import inspect_hdf5_file
from deepfake.modelstore.safety.keras_zip import inspect_archive


def inspect(kind: str, path: Path, limit: int) -> None:
    """Refuse a hostile or damaged file.

    Args:
        kind: str. "hdf5", "keras", or without the description of the network: "arrays", "members".
        path: Path. The file.
        limit: int. How many bytes its arrays or members may have together.

    Raises:
        ModelError: it is one.
    """
    if kind in ("keras", "members"):
        inspect_archive(path, limit, description=kind == "keras")
    else:
        inspect_hdf5_file(path, limit, description=kind == "hdf5")


if __name__ == "__main__":
    inspect(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
