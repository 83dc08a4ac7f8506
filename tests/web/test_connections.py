"""Who only connects, drips or does not listen: real sockets to a real uvicorn."""

import asyncio
import socket
import threading
from contextlib import ExitStack, suppress

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from deepfake.web import connections
from deepfake.web.connections import guarded
from deepfake.web.visitors import clients
from tests.programs import free_port
from tests.web.redis_server import wait_until

HEAD = b"GET / HTTP/1.1\r\nHost: page\r\n"


async def said(_request):
    return PlainTextResponse("here")


async def large(_request):
    return Response(bytes(30_000_000))


async def slow(_request):
    await asyncio.sleep(2)
    return PlainTextResponse("slow")


async def unread(_request):
    return PlainTextResponse("answered before it was read")


APP = Starlette(
    routes=[
        Route("/", said),
        Route("/large", large),
        Route("/slow", slow),
        Route("/unread", unread, methods=["POST"]),
    ]
)


@pytest.fixture(scope="module", params=["httptools", "h11"])
def port(request):
    """A server with a second for everything, by each of the two protocols that uvicorn has."""
    name = {"httptools": "HttpToolsProtocol", "h11": "H11Protocol"}[request.param]
    module = pytest.importorskip(f"uvicorn.protocols.http.{request.param}_impl")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connections, "AutoHTTPProtocol", getattr(module, name))
        patch.setattr(connections, "HEAD_SECONDS", 1.0)
        patch.setattr(connections, "TAKING_SECONDS", 1.0)
        patch.setattr(connections, "MOST_OF_ONE", 20)
        # As if everybody came from the Internet.
        protocol = guarded(lambda address: address)
        port = free_port()
        config = uvicorn.Config(APP, port=port, http=protocol, ws="none", log_level="error")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        wait_until(lambda: server.started, 30, "the start of the server")
        yield port
        server.should_exit = True
        thread.join(20)


def connected(port, address="127.0.0.1"):
    return socket.create_connection(("127.0.0.1", port), 30, source_address=(address, 0))


def ends(connection, *pieces):
    """Whether it is ended while it says no more than these, again and again."""
    connection.settimeout(0.1)
    for _ in range(200):
        try:
            for piece in pieces:
                connection.sendall(piece)
            if not connection.recv(10_000_000):
                return True
        except TimeoutError:
            continue
        except OSError:
            return True
    return False


def answers(port, address="127.0.0.9"):
    transport = httpx.HTTPTransport(local_address=address)
    with httpx.Client(transport=transport, timeout=30) as client:
        return client.get(f"http://127.0.0.1:{port}/").text == "here"


def test_a_connection_that_asks_for_nothing_ends(port):
    with connected(port) as silent:
        assert ends(silent)
    with connected(port) as dripping:
        dripping.sendall(HEAD + b"X: ")
        assert ends(dripping, b"a")
    with connected(port) as again:
        again.sendall(HEAD + b"\r\n")
        assert again.recv(1000).endswith(b"here")
        assert ends(again, b"G")


def test_a_body_whose_answer_has_gone_out_is_not_waited_for(port):
    with connected(port) as posted:
        posted.sendall(b"POST /unread HTTP/1.1\r\nHost: page\r\nContent-Length: 100000\r\n\r\n")
        assert b"answered" in posted.recv(1000)
        assert ends(posted, b"a")


def test_a_head_without_end_is_not_kept(port):
    with connected(port) as talking:
        talking.sendall(HEAD)
        with pytest.raises(OSError, match=r"reset|Broken pipe"):
            for _ in range(1000):
                talking.sendall(b"X: " + b"a" * 5000 + b"\r\n")
    with connected(port) as talking:
        talking.sendall(HEAD + b"X: ")
        with pytest.raises(OSError, match=r"reset|Broken pipe"):
            for _ in range(200):
                talking.sendall(b"a" * 50_000)


def test_who_does_not_take_an_answer_is_left(port):
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(30)
    with connection:
        connection.connect(("127.0.0.1", port))
        connection.sendall(b"GET /large HTTP/1.1\r\nHost: page\r\n\r\n")
        threading.Event().wait(2.5)
        taken = 0
        with suppress(ConnectionResetError):
            while piece := connection.recv(1_000_000):
                taken += len(piece)
        assert taken < 30_000_000


def test_work_that_takes_longer_is_waited_for(port):
    assert httpx.get(f"http://127.0.0.1:{port}/slow", timeout=30).text == "slow"


def test_one_address_does_not_keep_others_out(port):
    with ExitStack() as stack:
        many = [stack.enter_context(connected(port, "127.0.0.7")) for _ in range(40)]
        for connection in many[20:]:
            with pytest.raises(OSError, match="reset"):
                if not connection.recv(10):
                    raise OSError("reset")
        assert answers(port)
    wait_until(lambda: answers(port, "127.0.0.7"), 20, "the end of the forty")


def test_whose_connections_are_counted():
    trusted = clients.trusted_proxies("9.9.9.0/24", {})
    assert clients.peer_of("8.8.8.8", trusted) == "8.8.8.8"
    assert clients.peer_of("2001:4860:4860::8888", trusted) == "2001:4860:4860::/64"
    # And what may be a proxy that is not named.
    for address in ("9.9.9.9", "127.0.0.1", "10.0.0.9", "172.31.231.10", "fd00::1"):
        assert clients.peer_of(address, trusted) is None
