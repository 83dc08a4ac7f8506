"""Looks the packages of the lock files up in the list of known holes: python scripts/audit.py.

pip-audit ends well, too, where its service did not answer and it has looked at nothing. So what it
looked at is counted here, and nothing is called safe that was not.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ("requirements.lock", "requirements-train.lock")
SECONDS = 120


def main() -> int:
    """Look and say what was found.

    Returns:
        1 if a package has a known hole, else 0: a service that is away must not stop a check.
    """
    holes = 0
    for name in LOCKS:
        command = [sys.executable, "-m", "pip_audit", "--requirement", str(ROOT / name),
                   "--disable-pip", "--require-hashes", "--format", "json",
                   "--progress-spinner", "off", "--timeout", "10"]  # fmt: skip
        try:
            run = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)  # noqa: S603
            packages = json.loads(run.stdout)["dependencies"]
        except (OSError, ValueError, KeyError, subprocess.TimeoutExpired):
            print(f"{name}: NOTHING WAS AUDITED: the service of pip-audit did not answer.")
            continue
        holes += _say(name, packages)
    return 1 if holes else 0


def _say(name: str, packages: list[dict[str, object]]) -> int:
    """Print what was found of a lock file; returns the number of known holes."""
    looked = [package for package in packages if "vulns" in package]
    locked = len(re.findall(r"^[\w.-]+==", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE))
    found = [(p, hole) for p in looked for hole in p["vulns"]]  # type: ignore[attr-defined]
    for package, hole in found:
        fixed = ", ".join(hole["fix_versions"]) or "none yet"
        print(f"{name}: {package['name']} {package['version']}: {hole['id']} (mended in {fixed})")
    if not looked:
        print(f"{name}: NOTHING WAS AUDITED: the service of pip-audit did not answer.")
    else:
        print(f"{name}: {len(looked)} of {locked} packages audited, {len(found)} known holes.")
    return len(found)


if __name__ == "__main__":
    sys.exit(main())
