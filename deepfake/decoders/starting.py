"""How children are started that read strangers' bytes, and what of our environment they get."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

# So that no token or password of the operator comes along.
KEPT = ("LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "TMPDIR", "TZ")
CODE = "import sys; sys.path[:] = {path!r}; from {module} import main; main(*{arguments!r})"


def command(module: str, *arguments: Any) -> list[str]:
    """The command that runs `main(*arguments)` of a module, with this process's packages.

    Args:
        module: str. Its full name.
        *arguments: plain values.
    """
    path = [str(Path(entry).resolve()) for entry in sys.path]
    code = CODE.format(path=path, module=module, arguments=arguments)
    return [sys.executable, "-I", "-B", "-X", "utf8", "-c", code]


def environment(**more: str) -> dict[str, str]:
    """What of this process's environment a child gets.

    Args:
        **more: str. Variables that are set besides.
    """
    return {**{name: os.environ[name] for name in KEPT if name in os.environ}, **more}
