"""The door for assistants, through the protocol's own client."""

import base64

import httpx
import pytest
from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client

from deepfake.errors import SettingError
from deepfake.settings import Settings
from deepfake.web.page import build_page
from tests.programs import free_port
from tests.web.conftest import scratch_folder, serve

pytestmark = [pytest.mark.services, pytest.mark.anyio]


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture(scope="module")
def own():
    """A page for this machine."""
    yield from serve(Settings(port=free_port(), mcp=True))


@pytest.fixture(scope="module")
def public(make_model):
    """A page for everybody, with two models."""
    settings = Settings(port=free_port(), mcp=True, host="0.0.0.0", rate_limit="3/hour")
    yield from serve(
        settings, ["default", str(make_model("strict", threshold=0.0, uncertain_band=[0, 0]))]
    )


async def ask(served, name=None, **arguments):
    """What a tool answers; without a name, the tools by their names."""
    async with (
        streamablehttp_client(f"{served.url}/mcp") as (read, write, _),
        ClientSession(read, write) as session,
    ):
        assert "evidence, not proof" in (await session.initialize()).instructions
        if name is None:
            return {tool.name: tool for tool in (await session.list_tools()).tools}
        return await session.call_tool(name, arguments)


async def test_the_tools_are_the_endpoints_and_nothing_else(own, public):
    tools = await ask(own)
    assert list(tools) == ["predict", "detect"]
    detect = tools["detect"]
    assert set(detect.inputSchema["properties"]) == {"photo", "threshold", "provenance"}
    assert detect.inputSchema["required"] == ["photo"]
    assert {"verdict", "faces", "reasons"} <= set(detect.outputSchema["properties"])
    tools = await ask(public)
    assert list(tools) == ["predict", "detect", "compare"]
    assert set(tools["compare"].inputSchema["properties"]) == {"photo", "threshold", "models"}


async def test_an_assistant_gets_the_report_of_a_photo_of_its_machine(own, portrait, detector):
    answer = await ask(own, "detect", photo=str(portrait))
    assert answer.structuredContent["p_fake"] == pytest.approx(
        detector.detect(portrait).p_fake, abs=1e-6
    )
    # Where it lies is not told, nor what is in other files.
    assert answer.structuredContent["file"] == portrait.name
    answer = await ask(own, "detect", photo="/etc/passwd")
    assert answer.isError and "This is a text file" in answer.content[0].text
    answer = await ask(own, "predict", photo="photo.jpg")
    assert answer.isError and "full path on this machine" in answer.content[0].text


async def test_a_photo_can_be_sent_as_text(own, portrait):
    text = f"data:image/png;base64,{base64.b64encode(portrait.read_bytes()).decode()}"
    answer = await ask(own, "detect", photo=text, threshold=0.0)
    assert answer.structuredContent["verdict"] == "fake"
    answer = await ask(own, "detect", photo=text[:-3])
    assert answer.isError and "damaged" in answer.content[0].text


@pytest.mark.parametrize("photo", ["\0", "/a\0b.jpg", "data:image/png;base64,é", "é" * 5000, ""])
async def test_what_is_no_name_and_no_photo_gets_a_sentence(own, photo):
    answer = await ask(own, "detect", photo=photo)
    said = answer.content[0].text
    # The words before ours are those of the MCP library.
    _, _, ours = said.partition("tool detect: ")
    assert answer.isError and ours.endswith((".", "…")) and "\0" not in ours
    assert ours.split()[0] in ("There", "Send", "The")


async def test_visitors_name_what_they_uploaded_and_have_a_limit(public, portrait, tmp_path):
    up = str(public.scratch / ".." / portrait.name)
    for path in ("/etc/passwd", str(portrait), up, "https://example.org/photo.jpg"):
        answer = await ask(public, "detect", photo=path)
        assert answer.isError and "no such photo here" in answer.content[0].text

    def upload():
        files = {"files": ("photo.png", portrait.read_bytes())}
        return httpx.post(f"{public.url}/gradio_api/upload", files=files).json()[0]

    answer = await ask(public, "compare", photo=upload())
    assert [row["verdict"] for row in answer.structuredContent["models"]] == ["real", "fake"]
    for _ in range(2):
        assert not (await ask(public, "predict", photo=upload(), model="strict")).isError
    answer = await ask(public, "predict", photo=upload())
    assert answer.isError and "3 analyses an hour" in answer.content[0].text


async def test_scripts_of_other_sites_cannot_ask_a_page_of_this_machine(own):
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    accept = {"Accept": "application/json, text/event-stream"}
    for headers in ({"Origin": "https://example.org"}, {"Host": "example.org"}):
        answer = httpx.post(f"{own.url}/mcp", json=body, headers={**accept, **headers})
        assert answer.status_code in (403, 421), headers
    assert httpx.post(f"{own.url}/mcp", json=body, headers=accept).status_code == 200


def test_it_is_shut_unless_asked_for_and_never_goes_with_passwords(served, tmp_path):
    assert httpx.post(f"{served.url}/mcp", json={}).status_code in (404, 405)
    with pytest.raises(SettingError, match="either --mcp or --auth"):
        build_page(Settings(mcp=True, auth=str(tmp_path / "accounts")), scratch_folder())


async def test_what_no_program_can_read_is_no_fault_of_the_server(own, caplog):
    for sent in (b"[" * 400_000, b'{"id":' + b"1" * 9000 + b"}", b'"\xff"', b"no JSON"):
        answer = httpx.post(
            f"{own.url}/mcp", content=sent,
            headers={"Content-Type": "application/json",
                     "Accept": "application/json, text/event-stream"},
        )  # fmt: skip
        assert answer.status_code == 400, sent[:9]
    assert "Traceback" not in caplog.text
