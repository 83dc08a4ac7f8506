"""The page as it is served, without a browser: in which language, and that nothing is left over."""

import httpx
import pytest

from deepfake.web.language import CATALOGUES
from deepfake.web.placed import MARK


@pytest.mark.parametrize(
    ("query", "header", "tag"), [("", "fr-CA, en;q=0.5", "fr"), ("?lang=ar", "fr", "ar")]
)
def test_a_page_is_served_in_the_readers_language(served, query, header, tag):
    answer = httpx.get(f"{served.url}/{query}", headers={"Accept-Language": header})
    texts = CATALOGUES[tag]
    assert f'lang="{tag}" dir="{texts["language.direction"]}"' in answer.text
    assert f"<title>{texts['page.title']}</title>" in answer.text
    assert texts["history.note"] in answer.text and texts["intake.folder"] in answer.text
    assert answer.headers["content-language"] == tag
    assert "Accept-Language" in answer.headers["vary"]
    assert not MARK.search(answer.text) and r"\ue000" not in answer.text
    described = httpx.get(f"{served.url}/config{query}", headers={"Accept-Language": header})
    assert described.json()["title"] == texts["page.title"]
