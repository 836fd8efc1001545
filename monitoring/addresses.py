"""Which addresses may be called on behalf of a user: public ones, and private ones only where the
operator allows them.

A name is resolved once and every address behind it is judged, also those that carry an IPv4 address
inside (mapped, 6to4, NAT64, Teredo). A cloud's metadata service is refused whatever is
allowed. The caller connects to the address that was judged, never to the name, so that a second
look-up cannot lead elsewhere (DNS rebinding).
"""

import socket
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.utils.translation import gettext

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolve = Callable[[str, int], list[str]]

RESOLVE_SECONDS = 5.0
LONGEST_URL = 500
METADATA_ADDRESSES = frozenset(
    map(
        ip_address,
        (
            "169.254.169.254",
            "169.254.170.2",
            "169.254.170.23",
            "168.63.129.16",
            "100.100.100.200",
            "192.0.0.192",
            "fd00:ec2::254",
            "fd00:ec2::23",
            "fd20:ce::254",
        ),
    )
)
_NAT64 = ip_network("64:ff9b::/96")
# A resolver that hangs costs one of these threads, never the caller's.
_lookups = ThreadPoolExecutor(max_workers=4, thread_name_prefix="lookup")


class AddressRefused(Exception):
    """The URL is malformed, or leads to an address that is not allowed; the text says which."""


@dataclass(frozen=True)
class Target:
    """A URL and the one address that was judged for it."""

    url: SplitResult
    host: str
    port: int
    address: Address


def resolve(host: str, port: int) -> list[str]:
    """All addresses behind a name, within a few seconds; raises OSError."""
    future = _lookups.submit(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    try:
        return [str(found[4][0]).split("%")[0] for found in future.result(RESOLVE_SECONDS)]
    except FutureTimeout as error:
        future.cancel()
        raise OSError(gettext("the name could not be resolved in time")) from error
    except UnicodeError as error:
        raise OSError(gettext("the name is not valid")) from error


def checked_url(text: str) -> SplitResult:
    """The parts of an http or https URL without user, query or fragment; raises AddressRefused."""
    if len(text) > LONGEST_URL:
        raise AddressRefused(
            gettext("The address is longer than %(most)s characters.") % {"most": LONGEST_URL}
        )
    if any(character.isspace() or not character.isprintable() for character in text):
        raise AddressRefused(gettext("The address must not contain blanks or control characters."))
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise AddressRefused(
            gettext("The address cannot be read: %(error)s.") % {"error": error}
        ) from error
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise AddressRefused(gettext("Expected an address like https://api.example.com/v1."))
    if parts.username is not None or parts.password is not None:
        raise AddressRefused(gettext("The address must not contain a user name or password."))
    if parts.query or parts.fragment:
        raise AddressRefused(gettext("The address must not contain a query or fragment."))
    return parts


def judged_target(text: str, resolve: Resolve = resolve) -> Target:
    """The URL with the address to connect to; raises AddressRefused, and OSError when the name
    leads nowhere."""
    url = checked_url(text)
    host = str(url.hostname)
    port = url.port or (443 if url.scheme == "https" else 80)
    addresses = [ip_address(found) for found in _literal(host) or resolve(host, port)]
    if not addresses:
        raise OSError(gettext("the name has no address"))
    for address in addresses:
        judge(address)
    return Target(url, host, port, addresses[0])


def check_destination(text: str, resolve: Resolve = resolve) -> None:
    """Refuse a URL that another server will call for us; a name that does not resolve here may do
    so there."""
    try:
        judged_target(text, resolve)
    except OSError:
        return


def judge(address: Address) -> None:
    """Raise AddressRefused unless the address and whatever it carries inside may be called."""
    for inner in (address, *_carried(address)):
        if inner in METADATA_ADDRESSES:
            raise AddressRefused(gettext("The address belongs to a cloud's metadata service."))
        if not _is_public(inner) and not any(inner in network for network in _allowed()):
            raise AddressRefused(
                gettext(
                    "%(address)s is a private address; the operator can allow its network with "
                    "PRIVATE_PROVIDER_NETWORKS."
                )
                % {"address": inner}
            )


def _is_public(address: Address) -> bool:
    return address.is_global and not address.is_multicast


def _carried(address: Address) -> Iterable[Address]:
    if isinstance(address, IPv4Address):
        return ()
    teredo = address.teredo or ()
    nat64 = (IPv4Address(int(address) & 0xFFFFFFFF),) if address in _NAT64 else ()
    return tuple(filter(None, (address.ipv4_mapped, address.sixtofour, *teredo, *nat64)))


def _allowed() -> list[Network]:
    return [ip_network(text, strict=False) for text in settings.PRIVATE_PROVIDER_NETWORKS]


def _literal(host: str) -> list[str]:
    try:
        return [str(ip_address(host.strip("[]").split("%")[0]))]
    except ValueError:
        return []
