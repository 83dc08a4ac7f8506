"""What is installed: locked, with hashes and fitting licences; and what an audit says of itself."""

import json
import re
import runpy
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
NAMES = ("requirements", "requirements-train", "requirements-dev", "requirements-dev-no-deps")
# Of the system and Python that the image has.
IMAGE = {"sys_platform": "linux", "platform_machine": "x86_64", "python_version": "3.12",
         "platform_system": "Linux", "implementation_name": "cpython", "os_name": "posix",
         "python_full_version": "3.12.0", "platform_python_implementation": "CPython"}  # fmt: skip


def locked(name):
    """Requirement and number of hashes of each package of a lock file."""
    text = (ROOT / f"{name}.lock").read_text()
    entries = re.split(r"\n(?=[A-Za-z])", text.strip())
    return [
        (Requirement(entry.split(" \\")[0].strip()), entry.count("--hash=sha256:"))
        for entry in entries
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_lock_has_what_is_asked_for_and_a_hash_for_each_package(name):
    found = locked(name)
    assert all(hashes for _, hashes in found)
    versions = {(canonicalize_name(r.name), str(r.specifier)) for r, _ in found}
    for line in (ROOT / f"{name}.txt").read_text().splitlines():
        if line and not line.startswith(("#", "-r")):
            wanted = Requirement(line)
            assert (canonicalize_name(wanted.name), str(wanted.specifier)) in versions, line


def test_the_list_of_the_image_is_of_its_lock_and_its_licences_fit():
    components = json.loads((ROOT / "deploy" / "sbom.json").read_text())["components"]
    listed = {(canonicalize_name(c["name"]), c["version"]) for c in components}
    wanted = {
        (canonicalize_name(r.name), str(r.specifier).removeprefix("=="))
        for r, _ in locked("requirements")
        if r.marker is None or r.marker.evaluate(IMAGE)
    }
    assert listed == wanted
    assert "pillow-heif" not in {name for name, _ in listed}
    for component in components:
        licences = json.dumps(component.get("licenses", []))
        assert not re.search(r"(?<!L)(?<!Lesser )\bA?GPL", licences), component["name"]


def test_an_audit_that_looked_at_nothing_says_so(capsys):
    say = runpy.run_path(str(ROOT / "scripts" / "audit.py"))["_say"]
    skipped = [{"name": "numpy", "skip_reason": "could not be audited"}]
    assert say("requirements.lock", skipped) == 0
    assert "NOTHING WAS AUDITED" in capsys.readouterr().out
    hole = {"id": "CVE-1", "fix_versions": ["2"]}
    audited = [{"name": "numpy", "version": "1", "vulns": [hole]}, *skipped]
    assert say("requirements.lock", audited) == 1
    said = capsys.readouterr().out
    assert "CVE-1" in said and re.search(r"1 of \d\d packages audited, 1 known holes", said)
