"""A virtual environment with a wheel and exactly the packages that it asks for.

They are linked from the environment of the tests instead of being downloaded again; what the wheel
does not ask for, TensorFlow above all, is not there.
"""

import os
import subprocess
import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement


def make(folder, wheel):
    """Make the environment; returns its folder of commands."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    commands = folder / ("Scripts" if os.name == "nt" else "bin")
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(folder), "install", "--quiet", "--no-deps",
         "--no-index", str(wheel)],
        check=True,
    )  # fmt: skip
    (packages,) = folder.rglob("site-packages")
    (installed,) = packages.glob("deepfake-*.dist-info")
    for found in _needed(Distribution.at(installed)):
        for name in {file.parts[0] for file in found.files or ()} - {"..", "__pycache__"}:
            if not (packages / name).exists():
                (packages / name).symlink_to(Path(found.locate_file(name)).resolve())
    return commands


def _needed(wheel):
    """The distributions that a wheel asks for, and those that these ask for."""
    found, waiting = {}, _requirements(wheel, {""})
    while waiting:
        requirement = waiting.pop()
        try:
            one = distribution(requirement.name)
        except PackageNotFoundError:
            raise AssertionError(f"{requirement} of the wheel is not installed here") from None
        key = (one.name, *sorted(requirement.extras))
        if key not in found:
            found[key] = one
            waiting += _requirements(one, {"", *requirement.extras})
    return found.values()


def _requirements(one, extras):
    return [
        requirement
        for requirement in map(Requirement, one.requires or ())
        if requirement.marker is None
        or any(requirement.marker.evaluate({"extra": extra}) for extra in extras)
    ]
