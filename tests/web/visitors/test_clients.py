"""Who a request is counted for."""

import pytest

from deepfake.errors import SettingError
from deepfake.web.visitors.clients import client_of, is_loopback, trusted_proxies

NGINX = trusted_proxies("10.0.0.2, 192.168.7.0/24, fd00::/16", {})
SPACE = trusted_proxies("", {"SPACE_ID": "somebody/deepfake"})


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        pytest.param("203.0.113.7", [], "203.0.113.7", id="no proxy"),
        pytest.param("203.0.113.7", ["8.8.8.8"], "203.0.113.7", id="a visitor's own header"),
        pytest.param("10.0.0.3", ["8.8.8.8"], "10.0.0.3", id="a neighbour of the proxy"),
        pytest.param("10.0.0.2", [], "10.0.0.2", id="the proxy itself"),
        pytest.param("10.0.0.2", ["203.0.113.7"], "203.0.113.7", id="through the proxy"),
        pytest.param("10.0.0.2", ["8.8.8.8, 203.0.113.7"], "203.0.113.7", id="spoofed left hop"),
        pytest.param("10.0.0.2", ["8.8.8.8", "203.0.113.7"], "203.0.113.7", id="two headers"),
        pytest.param(
            "10.0.0.2", ["8.8.8.8, 203.0.113.7, 192.168.7.9"], "203.0.113.7", id="two proxies"
        ),
        pytest.param("10.0.0.2", ["10.0.0.2, 203.0.113.7"], "203.0.113.7", id="spoofed proxy"),
        pytest.param("10.0.0.2", ["192.168.7.9"], "192.168.7.9", id="a proxy's own request"),
        pytest.param("10.0.0.2", ["8.8.8.8, nonsense"], "10.0.0.2", id="nonsense ends the walk"),
        pytest.param("10.0.0.2", ["203.0.113.7, "], "10.0.0.2", id="an empty hop ends the walk"),
        pytest.param("10.0.0.2", ["203.0.113.7:4711"], "203.0.113.7", id="with a port"),
        pytest.param("10.0.0.2", ["[2001:db8::7]:4711"], "2001:db8::/64", id="IPv6 with a port"),
        pytest.param("2001:db8:0:1:2::3", [], "2001:db8:0:1::/64", id="IPv6 by /64"),
        pytest.param("::ffff:203.0.113.7", [], "203.0.113.7", id="IPv4 on an IPv6 socket"),
        pytest.param("::ffff:10.0.0.2", ["203.0.113.7"], "203.0.113.7", id="a mapped proxy"),
        pytest.param("fd00::1%eth0", ["203.0.113.7"], "203.0.113.7", id="a proxy with a zone"),
        pytest.param(None, ["203.0.113.7"], "unknown", id="no peer"),
    ],
)
def test_the_client_is_the_first_untrusted_hop_from_the_right(peer, forwarded, expected):
    assert client_of(peer, forwarded, NGINX) == expected


def test_addresses_of_one_ipv6_network_are_one_client():
    first, second = (client_of(f"2001:db8::{end}", [], ()) for end in ("1", "ffff:1"))
    assert first == second != client_of("2001:db8:0:1::1", [], ())


def test_without_trusted_proxies_no_header_decides():
    assert client_of("127.0.0.1", ["203.0.113.7"], trusted_proxies("", {})) == "127.0.0.1"


def test_a_space_tells_its_visitors_apart_and_cannot_be_lied_to():
    visitors = [
        client_of("10.16.3.80", [f"1.2.3.4, 203.0.113.{n}, 10.16.40.2"], SPACE) for n in (7, 8)
    ]
    assert visitors == ["203.0.113.7", "203.0.113.8"]
    assert client_of("10.16.3.80", ["10.9.9.9, 203.0.113.7"], SPACE) == "203.0.113.7"


def test_the_setting_wins_over_what_a_space_finds():
    assert trusted_proxies("10.0.0.2", {"SPACE_ID": "x/y"}) == trusted_proxies("10.0.0.2", {})


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("nginx", "addresses or networks"),
        ("*", "addresses or networks"),
        ("10.0.0.300", "addresses or networks"),
        ("10.0.0.1,0.0.0.0/0", "must not be everybody"),
        ("::/0", "must not be everybody"),
        ("8.0.0.0/7", "wider than /8"),
        ("2000::/15", "wider than /16"),
        ("::ffff:10.0.0.2", "IPv4 addresses as such"),
        ("::ffff:10.0.0.0/104", "IPv4 addresses as such"),
    ],
)
def test_bad_proxies_are_said(text, sentence):
    with pytest.raises(SettingError, match=sentence):
        trusted_proxies(text, {})


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("localhost", True), ("localhost:7860", True),
     ("::1", True), ("[::1]", True),
     ("0.0.0.0", False), ("::", False), ("192.168.1.2", False), ("example.org", False),
     ("", False)],
)  # fmt: skip
def test_hosts_of_this_machine_only(host, expected):
    assert is_loopback(host) is expected
