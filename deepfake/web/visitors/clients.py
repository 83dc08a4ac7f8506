"""Who sent a request: the address that its rate is counted by.

A proxy that passes a request on appends the address it got it from to `X-Forwarded-For`. Only the
proxy's own entry can be believed; those left of it may have been written by the visitor. So the
list is read from the right, over the proxies that the operator trusts, up to the first address
that is not one of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from deepfake.errors import SettingError

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

# The visitors of a Space come through Hugging Face's proxies, whose addresses are private ones that
# change (a Space sees peers such as 10.16.3.80). A visitor comes from the internet and has no
# private address, so the first public one from the right is who the outermost proxy talked to,
# however many of them there are. Nothing but those proxies reaches the port of a Space.
SPACE_PROXIES = tuple(
    ip_network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
)
# Providers give each customer at least a /64 (RFC 6177), whose addresses can be changed at will.
IPV6_PREFIX = 64
# Wider networks are no operator's own: whoever is in them could claim any address.
WIDEST_TRUSTED = {4: 8, 6: 16}
MAPPED = IPv6Network("::ffff:0:0/96")
FORWARDING_HEADERS = ("x-forwarded-for", "forwarded", "x-real-ip")
UNKNOWN = "unknown"


def trusted_proxies(text: str, environment: Mapping[str, str]) -> tuple[Network, ...]:
    """Read which proxies are trusted.

    Args:
        text: str. Addresses or networks with commas between, such as "127.0.0.1, 172.28.0.0/16".
        environment: Mapping. `SPACE_ID` in it tells a Hugging Face Space, whose proxies are trusted
            where `text` names none.

    Returns:
        Their networks.

    Raises:
        SettingError: a part is neither an address nor a network, or too wide.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts:
        return SPACE_PROXIES if on_space(environment) else ()
    return tuple(_network(part) for part in parts)


def on_space(environment: Mapping[str, str]) -> bool:
    """Whether this runs on a Hugging Face Space."""
    return bool(environment.get("SPACE_ID"))


def client_of(peer: str | None, forwarded: Sequence[str], trusted: Sequence[Network]) -> str:
    """The client that a request is counted for.

    Args:
        peer: str. Address that the connection came from; nothing if there is none.
        forwarded: sequence of str. The values of all `X-Forwarded-For` headers, in order.
        trusted: sequence of networks. The trusted proxies.

    Returns:
        An IPv4 address, or the /64 network of an IPv6 address; "unknown" if the peer has no
        address.
    """
    client = _address(peer or "")
    if client is None:
        return UNKNOWN
    hops = [hop for value in forwarded for hop in value.split(",")]
    while hops and _is_in(client, trusted):
        hop = _address(hops.pop())
        if hop is None:
            # Not an address: nothing further left can be believed, so this proxy is the client.
            break
        client = hop
    if isinstance(client, IPv6Address):
        return str(IPv6Network((client, IPV6_PREFIX), strict=False))
    return str(client)


def peer_of(peer: str, trusted: Sequence[Network]) -> str | None:
    """Whose the connections of a peer are, to count them.

    Args:
        peer: str. Address that they come from.
        trusted: sequence of networks. The trusted proxies.

    Returns:
        As `client_of`; nothing for a proxy, nor for what may be one: all but the Internet's.
    """
    address = _address(peer)
    if address is None or not address.is_global or _is_in(address, trusted):
        return None
    return client_of(peer, (), ())


def is_loopback(host: str) -> bool:
    """Whether a host, with or without a port, is reached from this machine only."""
    address = _address(host)
    if address is None:
        return host.partition(":")[0].lower() == "localhost"
    return address.is_loopback


def _network(text: str) -> Network:
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise SettingError(
            "DEEPFAKE_TRUSTED_PROXIES must be addresses or networks with commas between, such as "
            f"127.0.0.1,172.28.0.0/16. Received: {text!r}."
        ) from None
    if network.prefixlen == 0:
        raise SettingError(
            f"DEEPFAKE_TRUSTED_PROXIES must not be everybody ({text}): any visitor could then "
            "claim any address. Name the addresses of your own proxies."
        )
    if isinstance(network, IPv6Network) and network.overlaps(MAPPED):
        raise SettingError(
            f"DEEPFAKE_TRUSTED_PROXIES must name IPv4 addresses as such, not as {text}: visitors "
            "are compared as 1.2.3.4, never as ::ffff:1.2.3.4. Write 1.2.3.4 or 1.2.3.0/24."
        )
    widest = WIDEST_TRUSTED[network.version]
    if network.prefixlen < widest:
        raise SettingError(
            f"DEEPFAKE_TRUSTED_PROXIES must not have networks wider than /{widest} ({text}): "
            "strangers in it could claim any address. Name the addresses of your own proxies."
        )
    return network


def _is_in(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)


def _address(text: str) -> Address | None:
    """An address as proxies write it: bare, `1.2.3.4:5678`, `[::1]` or `[::1]:5678`."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    # A socket for both kinds shows IPv4 visitors as ::ffff:1.2.3.4.
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
