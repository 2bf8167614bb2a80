"""To where the gateway may send anything at all: public addresses, by HTTPS (threat O7).

Whoever may set a URL must not reach through the gateway what only it can reach. So a name is
resolved once, each of its addresses is looked at, and what is connected to is the address that was
looked at: a name that says something else a moment later changes nothing.
"""

import ipaddress
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

Resolve = Callable[[str, int], Sequence[str]]
"""The addresses of a name, for a port. Raises OSError."""

LONGEST = 2_000
"""The longest URL, in characters."""
# Addresses that stand for IPv4 ones, of which only the mapped kind says which.
_HIDING = tuple(
    ipaddress.ip_network(each)
    for each in ("::/96", "64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16", "fec0::/10")
)


class BadAddress(ValueError):
    """Nothing is sent there; the text says why."""


@dataclass(frozen=True, slots=True)
class Target:
    """A URL in parts; `path` with its query. With `loopback` it is on the gateway's own machine."""

    secure: bool
    host: str
    port: int
    path: str
    loopback: bool


def parse(url: str, *, loopback: bool = False) -> Target:
    """A URL that may be sent to as far as its text tells: https, or with `loopback` http too, which
    is for this machine alone. Raises BadAddress."""
    if len(url) > LONGEST or not url.isascii() or any(letter <= " " for letter in url):
        raise BadAddress(f"must be at most {LONGEST} printable ASCII characters without blanks")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise BadAddress(f"must be a URL ({error})") from None
    if parts.scheme not in (("https", "http") if loopback else ("https",)):
        raise BadAddress("must begin with https://")
    if not parts.hostname or "@" in parts.netloc or parts.fragment or "\\" in url:
        raise BadAddress("must be such as https://example.com/path, with no user and no fragment")
    secure = parts.scheme == "https"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if port == 0:
        raise BadAddress("must have a port of 1 to 65535, if any")
    return Target(secure, parts.hostname, port or (443 if secure else 80), path, loopback)


def resolved(host: str, port: int) -> Sequence[str]:
    """The addresses of a name by the system's resolver."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


def address_of(target: Target, resolve: Resolve = resolved) -> str:
    """The address to connect to. Raises BadAddress if the name has none, or one that is not
    public: a name that mixes them is no accident."""
    try:
        found = resolve(target.host, target.port)
    except (OSError, UnicodeError):
        raise BadAddress(f"{target.host} has no address") from None
    for each in found:
        if not _may_be(each, loopback=target.loopback):
            wanted = "this machine's own" if target.loopback else "a public"
            raise BadAddress(f"{target.host} is at {each}, which is not {wanted} address")
    if not found:
        raise BadAddress(f"{target.host} has no address")
    return found[0]


def _may_be(text: str, *, loopback: bool) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:  # one with a zone, which is of this link
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if loopback:
        return address.is_loopback
    if address.version == 6 and any(address in each for each in _HIDING):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved)
