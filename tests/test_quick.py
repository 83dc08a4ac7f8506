"""`sh scripts/test quick` is quick because it needs no TensorFlow, not even to find its tests."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
COLLECT = """
import sys
import pytest
code = pytest.main(["--collect-only", "-q", "-p", "no:cacheprovider", "-m", sys.argv[1]])
print("imported:", sorted({"keras", "tensorflow"} & set(sys.modules)))
sys.exit(code)
"""


@pytest.mark.slow
def test_collecting_the_quick_tests_imports_no_tensorflow():
    marked = re.search('-m "([^"]*)"', (ROOT / "scripts" / "test").read_text())[1]
    command = [sys.executable, "-c", COLLECT, marked]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines()[-1] == "imported: []"
    assert "tests/test_verdict.py::" in done.stdout
    assert "tests/training/test_resume.py::" not in done.stdout
    assert "tests/web/test_browser.py::" not in done.stdout
