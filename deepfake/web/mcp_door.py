"""The door for assistants: `/mcp`, the Model Context Protocol, with the API's endpoints as tools.

Not Gradio's own MCP server: that one asks the page over HTTP again, as if every visitor were this
machine, takes photos by address only, and answers with Python's spelling of a dictionary.
"""

from __future__ import annotations

import base64
import inspect
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import anyio
from pydantic import Field

from deepfake.errors import DeepfakeError, ImageError, SettingError
from deepfake.web.door import MAX_MCP_BYTES, MCP, Door
from deepfake.web.endpoints import Endpoints

if TYPE_CHECKING:
    from mcp.server.fastmcp import FastMCP

INSTRUCTIONS = (
    "Tells whether the faces in a photo carry signs of a deepfake. A verdict is evidence, not "
    "proof: say how sure it is, and accuse nobody because of it. 'uncertain' means that the model "
    "cannot tell, 'not_applicable' that there is no face to judge."
)
SENT = (
    "The photo, as data:image/jpeg;base64,… or as the path that the server answered with when the "
    "file was posted to it: curl -F files=@photo.jpg ADDRESS/gradio_api/upload. It is deleted when "
    "it has been judged: post it again for another question."
)
LOCAL = "The photo: its full path on this machine. Or its data, as data:image/jpeg;base64,…"
# Of the endpoints' parameters.
ABOUT = {
    "threshold": "P(fake) from which on a face counts as fake, in [0, 1]. Leave it out to use the "
    "model's own, at which its error rates were measured.",
    "provenance": "Whether to read, too, what the file says of itself: Content Credentials, "
    "camera, software, texts of generators. Facts, which do not change the verdict.",
    "model": "The model that judges. Leave it out for the first.",
    "models": "The models that are compared. Leave it out for all.",
}
DATA = "data:"


def mcp_server(endpoints: Endpoints, door: Door) -> FastMCP[None]:
    """The server, with a tool for each endpoint that the page has.

    Args:
        endpoints: Endpoints. What the tools do.
        door: Door. Lets them in.

    Raises:
        SettingError: its package is missing.
    """
    try:
        from mcp.server.fastmcp import FastMCP
        from mcp.types import ToolAnnotations
    except ImportError as error:
        raise SettingError("--mcp needs one more package: pip install 'mcp>=1.30,<2'.") from error
    server: FastMCP[None] = FastMCP(
        "deepfake", INSTRUCTIONS, streamable_http_path=MCP, log_level="WARNING",
        # An answer to each request: no connection is held, and any replica can answer.
        json_response=True, stateless_http=True, max_request_body_size=MAX_MCP_BYTES,
        # By this the SDK refuses what other sites' scripts send to a page of this machine.
        host="127.0.0.1" if endpoints.admission.is_local else "0.0.0.0",  # noqa: S104
    )  # fmt: skip
    for endpoint, kind in endpoints.offered:
        server.add_tool(
            _tool(server, endpoints, endpoint, kind, door),
            description=(endpoint.__doc__ or "").splitlines()[0],
            annotations=ToolAnnotations(readOnlyHint=True, openWorldHint=False),
        )
    return server


def _tool(
    server: FastMCP[None], endpoints: Endpoints, endpoint: Callable[..., Any], kind: Any, door: Door
) -> Callable[..., Any]:
    """An endpoint as assistants call it: the photo is text, and the request is the server's."""
    admission = endpoints.admission

    async def tool(photo: str, **options: Any) -> Any:
        request = server.get_context().request_context.request
        assert request is not None  # noqa: S101  # each came over HTTP
        try:
            source = _photo(photo, None if admission.is_own(request) else endpoints.uploads.folder)
            async with door.turn(request):
                return await anyio.to_thread.run_sync(partial(endpoint, source, request, **options))
        except DeepfakeError as error:
            raise ValueError(error.public) from error

    hints = {**get_type_hints(endpoint), "photo": str}
    about = {**ABOUT, "photo": LOCAL if admission.is_local else SENT}
    parameters = [
        parameter.replace(annotation=Annotated[hints[name], Field(description=about[name])])
        for name, parameter in inspect.signature(endpoint).parameters.items()
        if name in endpoints.parameters
    ]
    tool.__name__ = endpoint.__name__
    # The SDK makes the tool's schemas of it.
    tool.__signature__ = inspect.Signature(parameters, return_annotation=kind)  # type: ignore[attr-defined]
    return tool


def _photo(photo: str, folder: Path | None) -> str | bytes:
    """What a tool is asked about: a path, or bytes.

    Args:
        photo: str. As of `SENT` or `LOCAL`.
        folder: Path. Where it must lie, if it is a path; nothing for anywhere.

    Raises:
        ImageError: it is neither, or lies elsewhere.
    """
    if photo.startswith(DATA):
        try:
            return base64.b64decode(photo.partition(",")[2], validate=True)
        except ValueError:
            raise ImageError("The photo's base64 data is damaged. Send it again.") from None
    if "\0" in photo:
        raise ImageError("There is no such photo here: its name holds a character that none has.")
    path = Path(photo)
    if folder is None and path.is_absolute():
        return photo
    if folder is None or not path.resolve().is_relative_to(folder.resolve()) or not path.is_file():
        how = SENT if folder else LOCAL
        raise ImageError(f"There is no such photo here. {how}")
    return photo
