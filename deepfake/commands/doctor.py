"""`deepfake doctor`: what a report of a fault needs, and what is wrong with this installation."""

from __future__ import annotations

import argparse
import os
import platform
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from importlib import metadata
from pathlib import Path
from typing import Any

from deepfake.errors import DeepfakeError
from deepfake.settings import Settings, cache_folder, models_folder
from deepfake.version import __version__

SOUND, UNSOUND = 0, 1
GIGABYTE = 1e9
# What an analysis with uploads, and a model that is compiled, take at most.
LITTLE_DISK = 1_000_000_000
LITTLE_MEMORY = 500_000_000
FEW_FILES = 256
CHANGED = "The file is not the one that was shipped."
# Shown as set or not, never as they are: a password, and names of files.
SECRET = ("redis_url", "auth")
OPTIONAL = re.compile(r"extra\s*==")


@dataclass(frozen=True)
class Line:
    """One fact: of what, what it is, and what is wrong with it; empty if nothing is."""

    name: str
    fact: str
    problem: str = ""


def add_command(commands: Any) -> None:
    """Add the command to the parser.

    Args:
        commands: the sub-parsers of the `deepfake` command.
    """
    doctor = commands.add_parser(
        "doctor",
        help="say what a report of a fault needs, and what is wrong here",
        description="Print versions, settings, the models' SHA-256, room on disks, memory, Redis, "
        "limits and the sandbox of this machine, without passwords and without anything of photos: "
        "put it into a report of a fault. Exit code 0: nothing is wrong; 1: something is.",
    )
    doctor.set_defaults(run=run)


def run(_options: argparse.Namespace) -> int:
    """Look and print.

    Args:
        _options: Namespace. There are none.

    Returns:
        The exit code.
    """
    wrong = 0
    for look in (_program, _settings, _packages, _models, _room, _limits, _redis, _sandbox):
        for line in _found_by(look):
            print(f"{line.name + ':':<34} {line.fact}")
            if line.problem:
                wrong += 1
                print(f"{'':<34} WRONG: {line.problem}")
    print("Nothing is wrong." if not wrong else f"Wrong: {wrong}. See above.")
    return UNSOUND if wrong else SOUND


def _found_by(look: Callable[[], Iterator[Line]]) -> Iterator[Line]:
    """What a look finds; where it fails itself, that is what is found."""
    try:
        yield from look()
    except DeepfakeError as error:
        yield Line(look.__name__.strip("_"), "cannot be told", str(error))
    except Exception as error:
        yield Line(look.__name__.strip("_"), "cannot be told", f"{type(error).__name__}: {error}")


def _program() -> Iterator[Line]:
    yield Line("deepfake", f"{__version__}, in {_short(Path(__file__).parents[1])}")
    yield Line("Python", f"{platform.python_version()} ({platform.python_implementation()})")
    yield Line("system", f"{platform.platform()}, {os.cpu_count()} processors")


def _settings() -> Iterator[Line]:
    settings = Settings.from_environment()
    default = Settings()
    changed = [
        f"{field.name}={_shown(field.name, getattr(settings, field.name))}"
        for field in fields(settings)
        if getattr(settings, field.name) != getattr(default, field.name)
    ]
    yield Line("settings", ", ".join(changed) or "as they come")


def _shown(name: str, value: object) -> str:
    if name in SECRET:
        return "(set)"
    return _short(Path(value)) if isinstance(value, str) and value.startswith("/") else str(value)


def _packages() -> Iterator[Line]:
    try:
        wanted = metadata.requires("deepfake") or []
    except metadata.PackageNotFoundError:
        yield Line("packages", "cannot be told", "The package is not installed: pip install -e .")
        return
    from packaging.requirements import Requirement

    told: set[str] = set()
    for text in sorted(set(wanted), key=str.lower):
        requirement = Requirement(text)
        optional = bool(requirement.marker and OPTIONAL.search(str(requirement.marker)))
        environments = [{"extra": extra} for extra in ("", *(_extras() if optional else ()))]
        if requirement.marker and not any(map(requirement.marker.evaluate, environments)):
            continue
        if requirement.name in told:
            continue
        told.add(requirement.name)
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            if not optional:
                problem = f"It is needed. Run: pip install '{requirement.name}'"
                yield Line(requirement.name, "missing", problem)
            continue
        fits = version in requirement.specifier
        problem = "" if fits else f"{requirement.specifier} is needed."
        yield Line(requirement.name, version, problem)


def _extras() -> list[str]:
    return metadata.metadata("deepfake").get_all("Provides-Extra") or []


def _models() -> Iterator[Line]:
    from deepfake.files.digest import sha256_of
    from deepfake.manifest import read_manifest

    folder = models_folder()
    manifest = read_manifest(folder / "default")
    # The Keras file is left out where it is of no use, as in the image.
    names = [name for name in manifest.files if (folder / "default" / name).exists()]
    for name in names:
        found = sha256_of(folder / "default" / name)
        problem = "" if found == manifest.files[name] else CHANGED
        yield Line(f"{name} {manifest.version}", found, problem)
    notice = (folder / "face" / "NOTICE.md").read_text(encoding="utf-8")
    for path in sorted((folder / "face").glob("*.tflite")):
        found = sha256_of(path)
        problem = "" if found in notice else CHANGED
        yield Line(path.name, found, problem)
    yield from _own_models()


def _own_models() -> Iterator[Line]:
    """Those that the settings name. Nothing is fetched from the Hub, and none is run."""
    from deepfake.files.digest import sha256_of
    from deepfake.modelstore.hub.address import is_address
    from deepfake.modelstore.located import DEFAULT, locate
    from deepfake.shelf import model_names

    settings = Settings.from_environment()
    for name in model_names(settings):
        if name == DEFAULT:
            continue
        if is_address(name):
            yield Line("model of the settings", name)
            continue
        shown = _short(Path(name).expanduser())
        try:
            located = locate(name, settings)
            if located.fixed:
                located.check()
            file = located.file
            found = f"{shown}, {sha256_of(file)}" if file.is_file() else shown
        except DeepfakeError as error:
            # Without the folder, which may have a user's name in it.
            yield Line("model of the settings", shown, error.public)
        else:
            yield Line("model of the settings", found)


def _room() -> Iterator[Line]:
    settings = Settings.from_environment()
    folders = {"cache": cache_folder(settings), "temporary": Path(tempfile.gettempdir())}
    if uploads := os.environ.get("GRADIO_TEMP_DIR"):
        folders["uploads"] = Path(uploads)
    for name, folder in folders.items():
        # The first that is there, of those that would be made.
        there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        free = shutil.disk_usage(there).free
        problem = "" if free >= LITTLE_DISK else "There is little room: make some."
        if not os.access(there, os.W_OK):
            problem = "This user may not write there."
        yield Line(f"disk of {name}", f"{free / GIGABYTE:.1f} GB free, {_short(folder)}", problem)


def _limits() -> Iterator[Line]:
    total, free = _memory()
    if total:
        problem = "" if free >= LITTLE_MEMORY else "There is little: the page needs 500 MB."
        yield Line("memory", f"{free / GIGABYTE:.1f} of {total / GIGABYTE:.1f} GB free", problem)
    if sys.platform == "win32":
        return
    import resource

    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    problem = "" if files >= FEW_FILES else "Visitors need more: ulimit -n 4096."
    yield Line("open files at most", str(files), problem)
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY:
        yield Line("memory of a process", f"{limit / GIGABYTE:.1f} GB at most")


def _memory() -> tuple[int, int]:
    """Bytes in all and free, of the machine or of the container that this is in; 0 for unknown."""
    try:
        text = Path("/proc/meminfo").read_text(encoding="ascii")
    except OSError:
        return 0, 0
    sizes = {
        name: int(kilobytes) * 1024 for name, kilobytes in re.findall(r"(\w+):\s+(\d+) kB", text)
    }
    total, free = sizes["MemTotal"], sizes["MemAvailable"]
    try:
        group = Path("/sys/fs/cgroup")
        most = int((group / "memory.max").read_text())
        used = int((group / "memory.current").read_text())
    except (OSError, ValueError):
        return total, free
    return min(total, most), min(free, most - used)


def _redis() -> Iterator[Line]:
    settings = Settings.from_environment()
    if not settings.redis_url:
        yield Line("Redis", "not used")
        return
    from deepfake.web.visitors.limits import DEFAULT_RATE, Limiter

    limiter = Limiter(DEFAULT_RATE, settings.redis_url, settings.rate_limit_fallback)
    try:
        # Without what was answered: an address can have a password in it.
        problem = "" if limiter.redis == "up" else "It does not answer, or refuses."
        yield Line("Redis", limiter.redis, problem)
    finally:
        limiter.close()


def _sandbox() -> Iterator[Line]:
    from deepfake.modelstore.safety import sandbox

    yield Line("sandbox", ", ".join(sandbox.restrictions()) or "none")
    if missing := sandbox.missing():
        # A remark, not a fault: the system has no more.
        yield Line("not in the sandbox", ", ".join(missing))


def _short(path: Path) -> str:
    """A path without the name of its user."""
    home = Path.home()
    return str(Path("~", path.relative_to(home)) if path.is_relative_to(home) else path)
