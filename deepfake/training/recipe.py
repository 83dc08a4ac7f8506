"""A recipe: a file that says what `deepfake train` draws, and which fake is for which expert.

architecture = "efficientnet-lite0-experts"     # options of the command, if wished
blend_share = 0.3

[families.gan]                                  # generated fakes, family by family
share = 3
trace = "gan"
sources = ["stylegan", "stylenerf"]
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepfake.datasets.samples import Sample
from deepfake.errors import TrainingError
from deepfake.networks.architectures import TRACES

FAMILIES = "families"
# What the fakes that are made while training show.
BLENDED, RESYNTHESISED = TRACES.index("seams"), TRACES.index("edits")
# Of reals, which every expert sees, and of fakes that none is told of.
NO_TRACE = -1


@dataclass(frozen=True)
class Family:
    """Generated fakes that have a fixed share of all drawn ones, however many there are.

    Attributes:
        share: float. Against the other families' shares.
        sources: tuple of str. As in `Sample`; within a family they are drawn by the square root of
            their size.
        trace: int. Index into `TRACES` of the expert whose fakes they are, or NO_TRACE.
    """

    share: float
    sources: tuple[str, ...]
    trace: int


@dataclass(frozen=True)
class Recipe:
    """What a recipe file says.

    Attributes:
        options: dict. Options of the command by their names with underscores.
        families: dict. Name → Family.
    """

    options: Mapping[str, Any]
    families: Mapping[str, Family]

    def family_of(self, source: str) -> Family | None:
        """The family of a source of fakes; None if the recipe has none for it."""
        return next((f for f in self.families.values() if source in f.sources), None)

    def require(self, samples: Iterable[Sample]) -> None:
        """Refuse fakes that the recipe says nothing of.

        Raises:
            TrainingError: there are some.
        """
        sources = {sample.source for sample in samples if sample.label == 1}
        unknown = sorted(source for source in sources if self.family_of(source) is None)
        if self.families and unknown:
            raise TrainingError(
                f"The recipe names no family for these sources of fakes: {', '.join(unknown)}. Add "
                "them to one, or --leave-out the sources."
            )


NOTHING = Recipe({}, {})


def read_recipe(path: str) -> Recipe:
    """Read a recipe.

    Args:
        path: str. A TOML file; "" for none, which is an empty recipe.

    Raises:
        TrainingError: it cannot be read, or says what no recipe says.
    """
    if not path:
        return NOTHING
    try:
        said = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise TrainingError(f"The recipe {path} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TrainingError(f"The recipe {path} is not a TOML file: {error}.") from error
    families = said.pop(FAMILIES, {})
    if not isinstance(families, dict):
        raise TrainingError(f"“{FAMILIES}” of {path} must be tables: [{FAMILIES}.NAME].")
    read = {name: _family(path, name, entry) for name, entry in families.items()}
    named = [source for family in read.values() for source in family.sources]
    twice = sorted({source for source in named if named.count(source) > 1})
    if twice:
        raise TrainingError(f"The recipe {path} has {', '.join(twice)} in more than one family.")
    return Recipe(said, read)


def sha256(path: str) -> str:
    """What a recipe file holds, so that a run is not gone on with by another one."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def _family(path: str, name: str, entry: Any) -> Family:
    entry = entry if isinstance(entry, dict) else {}
    share, sources, trace = entry.get("share"), entry.get("sources"), entry.get("trace")
    good = (
        set(entry) <= {"share", "sources", "trace"}
        and isinstance(share, int | float)
        and 0 < share < float("inf")
        and isinstance(sources, list)
        and sources
        and all(isinstance(source, str) for source in sources)
        and (trace is None or trace in TRACES)
    )
    if not good:
        raise TrainingError(
            f"The family {name!r} of {path} needs a share above 0, a list of sources and, if "
            f"wished, a trace: {', '.join(TRACES)}."
        )
    return Family(float(share), tuple(sources), NO_TRACE if trace is None else TRACES.index(trace))
