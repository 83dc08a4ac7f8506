"""Names that somebody chose, and whose figures a table has."""

import pytest

from deepfake.evaluation.document import LeftOut
from deepfake.shipping import card_tables

ROW = {"held_out": "sdxl", "kind": "generator", "count": 65, "auc": None}
OWN, OTHERS = "This very network", "Other networks"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("sd21", "sd21"),
        ("a\n\n# Heading", "a # Heading"),
        ("<img src=x>", "&lt;img src=x&gt;"),
        ("[click](http://x)", "\\[click\\](http://x)"),
        ("`code`", "\\`code\\`"),
        ("a|b", "a\\|b"),
    ],
)
def test_a_name_cannot_change_the_card(name, shown):
    assert card_tables.table(("source",), [(name,)]).splitlines()[2] == f"| {shown} |"


@pytest.mark.parametrize(
    ("networks", "said"),
    [
        ([{}], [False, True]),
        ([{"network": "other"}], [False, True]),
        ([{"network": "this"}], [True, False]),
        ([{"network": "this"}, {}], [True, True]),
    ],
)
def test_whose_figures_they_are_is_told(networks, said):
    text = card_tables.protocols([LeftOut(**ROW, **network) for network in networks])
    assert [OWN in text, OTHERS in text] == said
    assert text.count("| sdxl |") == len(networks)
