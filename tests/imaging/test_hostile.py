import json
import subprocess
import sys
from collections import Counter

import pytest

from tests.imaging.hostile import FORMATS


@pytest.mark.slow
def test_no_file_of_a_hostile_corpus_does_harm():
    """Each is read or refused in a sentence, in a process with little time and memory.

    In the decoders of a page it is the same, and none of them comes to an end.
    """
    files = read_all()
    assert len(files) >= 2000
    formats = Counter(file["name"].split()[0] for file in files)
    assert all(formats[kind] >= 200 for kind in FORMATS)
    for file in files:
        sentences = [file["error"]] if "error" in file else file["notes"]
        assert all(s[0].isupper() and s.endswith(".") for s in sentences), file
    unchanged = [file for file in files if file["name"].endswith("as it is")]
    assert unchanged and not [file for file in unchanged if "error" in file]
    assert read_all("2") == files


def read_all(*arguments):
    """What `python -m tests.imaging.hostile` says of each file."""
    command = [sys.executable, "-m", "tests.imaging.hostile", *arguments]
    result = subprocess.run(command, capture_output=True, text=True, timeout=900)
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.returncode == 0, f"{lines[-1:]}\n{result.stderr}"
    # What the decoders' C libraries print would stand on the terminal of whoever serves.
    assert result.stderr == ""
    return [line for line in lines if "name" in line]
