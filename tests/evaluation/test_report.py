"""What `deepfake evaluate` leaves behind."""

import json
import re

import pytest
from PIL import Image

from deepfake.evaluation import report


def test_the_page_needs_nothing_else(evaluated):
    page = (evaluated / "report.html").read_text()
    addresses = re.findall(r"""(?:src|href)\s*=\s*["']([^"']*)|url\(([^)]*)""", page)
    assert addresses
    assert all(first.startswith("data:") and not second for first, second in addresses)
    assert "<script" not in page and "@import" not in page


def test_every_figure_is_a_picture_and_on_the_page(evaluated):
    document = json.loads((evaluated / "report.json").read_text())
    names = {figure["file"] for figure in document["figures"]}
    assert names == {
        "roc.png", "confusion.png", "reliability.png", "histogram.png", "robustness.png",
    }  # fmt: skip
    for name in names:
        with Image.open(evaluated / name) as image:
            image.load()
            assert min(image.size) > 200
    assert (evaluated / "report.html").read_text().count("data:image/png") == len(names)


def test_tiers_and_grid_are_told_with_their_counts(evaluated):
    (scores,) = json.loads((evaluated / "report.json").read_text())["models"][0]["sets"]
    assert [tier["name"] for tier in scores["tiers"]] == ["clean", "web", "hard"]
    assert scores["tiers"][0]["figures"] == scores["figures"]
    for tier in scores["tiers"]:
        figures = tier["figures"]
        judged = figures["reals"] + figures["fakes"] + sum(tier["not_judged"].values())
        assert judged == 7
    assert len(scores["grid"]) == 36
    assert all(c["reals"] + c["fakes"] + c["not_judged"] == 2 for c in scores["grid"])


def test_edits_are_told_with_their_counts_and_their_strength(evaluated):
    (scores,) = json.loads((evaluated / "report.json").read_text())["models"][0]["sets"]
    none, *others = scores["edits"]
    assert none["brightness"] == none["contrast"] == none["saturation"] == 1 and not none["clarity"]
    assert len({tuple(map(str, row.values())) for row in others}) == len(others) == 8
    page = (evaluated / "report.html").read_text()
    for row in scores["edits"]:
        assert row["reals"] + row["fakes"] + row["not_judged"] == 7
        assert f"<td>{row['name']}</td>" in page


def test_protocols_can_be_added_later(evaluated, tmp_path):
    for path in evaluated.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    rows = [{"held_out": "sdxl", "kind": "generator", "count": 65, "auc": 0.9123, "note": "<1>"}]
    report.amend(tmp_path, {"protocols": rows})
    assert json.loads((tmp_path / "report.json").read_text())["protocols"] == rows
    page = (tmp_path / "report.html").read_text()
    assert "0.912" in page and "&lt;1&gt;" in page and "<1>" not in page


def test_a_folder_without_a_report_gets_a_sentence(tmp_path):
    with pytest.raises(report.TrainingError, match="no report"):
        report.read(tmp_path)


def test_the_page_says_whose_figures_on_left_out_sources_are(evaluated, tmp_path):
    for path in evaluated.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    own, others = "This very network was trained without", "Other networks like this one"
    row = {"held_out": "sdxl", "kind": "generator", "count": 65, "auc": 0.9123}
    for rows, said in (
        ([row], [False, True]),
        ([{**row, "network": "this"}], [True, False]),
        ([{**row, "network": "this"}, {**row, "network": "other"}], [True, True]),
    ):
        report.amend(tmp_path, {"protocols": rows})
        page = (tmp_path / "report.html").read_text()
        assert [own in page, others in page] == said
        assert page.count("<td>sdxl</td>") == len(rows)
