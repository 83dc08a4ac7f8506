"""The README's header, which Hugging Face reads to build a Space."""

import re
import tomllib
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[1]
HEADER = yaml.safe_load((ROOT / "README.md").read_text(encoding="utf-8").split("---\n")[1])
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PINNED = {
    requirement.name: requirement
    for requirement in map(
        Requirement,
        re.findall(r"^[a-z].*", (ROOT / "requirements.txt").read_text(), flags=re.MULTILINE),
    )
}
# https://huggingface.co/docs/hub/spaces-config-reference
COLOURS = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}


def test_a_space_can_be_built_from_it():
    assert HEADER["sdk"] == "gradio" and HEADER["title"]
    assert not HEADER["emoji"].isascii() and len(HEADER["emoji"]) <= 2
    assert {HEADER["colorFrom"], HEADER["colorTo"]} <= COLOURS
    assert (ROOT / HEADER["app_file"]).is_file()
    assert HEADER["license"] == PROJECT["license"].lower()
    assert isinstance(HEADER["tags"], list) and "deepfake-detection" in HEADER["tags"]
    # Longer ones are refused when the Space is pushed.
    assert 0 < len(HEADER["short_description"]) <= 60


def test_a_space_gets_the_versions_that_are_tested():
    # The Space installs this Gradio before requirements.txt.
    assert f"=={HEADER['sdk_version']}" == str(PINNED["gradio"].specifier)
    # A number would make 3.10 of "3.1".
    assert isinstance(HEADER["python_version"], str)
    assert f"{HEADER['python_version']}.0" in SpecifierSet(PROJECT["requires-python"])


def test_every_package_is_pinned_to_what_the_project_allows():
    extras = PROJECT["optional-dependencies"]
    asked = [*PROJECT["dependencies"], *extras["credentials"], *extras["redis"]]
    allowed = {r.name: r.specifier for r in map(Requirement, asked)}
    assert set(PINNED) == set(allowed)
    for name, requirement in PINNED.items():
        (pin,) = requirement.specifier
        assert pin.operator == "==" and pin.version in allowed[name], name
