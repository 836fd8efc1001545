"""Requesting from a custom provider which models it has, without being turned against our own
network.

The name is resolved once (`monitoring.addresses`), the connection goes to that very
address with the name kept for `Host`, SNI and the certificate. Redirects are not followed, no proxy
of the environment applies, the response is bounded in bytes and the whole exchange in time, also
when a server lets its headers drip.
"""

import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TypeGuard

import httpx
import msgspec

from monitoring.addresses import Resolve, Target, judged_target, resolve

CONNECT_SECONDS = 5.0
READ_SECONDS = 8.0
TOTAL_SECONDS = 15.0
LARGEST_RESPONSE = 4 * 1024 * 1024
MOST_MODELS = 5000
LONGEST_NAME = 200
# Headers that an operator's own must not replace.
_OURS = frozenset({"host", "content-length", "connection", "transfer-encoding", "accept-encoding"})
_HINT = "does the address end where its API begins, for instance in /v1?"


class DiscoveryFailed(Exception):
    """The provider could not be called, or its response is no list of models; the text is for
    people."""


def discover_models(
    base_url: str,
    api_key: str = "",
    headers: Mapping[str, str] | None = None,
    *,
    resolve: Resolve = resolve,
    tls: ssl.SSLContext | None = None,
) -> list[str]:
    """The names that `GET {base_url}/models` lists, sorted. Raises AddressRefused or
    DiscoveryFailed."""
    try:
        target = judged_target(base_url, resolve)
    except OSError as error:
        raise DiscoveryFailed(f"The name of the provider leads nowhere: {error}.") from error
    body = _fetch(target, _headers(target, api_key, headers or {}), tls)
    return models_of(body)


def _headers(target: Target, api_key: str, extra: Mapping[str, str]) -> dict[str, str]:
    sent = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    sent |= {name: value for name, value in extra.items() if name.lower() not in _OURS}
    text = "".join((*sent, *sent.values()))
    if not (text.isascii() and text.isprintable()):
        raise DiscoveryFailed("The key or a header holds characters that cannot be sent.")
    return {
        **sent,
        "Host": target.url.netloc,
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": "tollgate",
    }


def _fetch(target: Target, headers: Mapping[str, str], tls: ssl.SSLContext | None) -> bytes:
    literal = f"[{target.address}]" if target.address.version == 6 else str(target.address)
    url = f"{target.url.scheme}://{literal}:{target.port}{target.url.path.rstrip('/')}/models"
    extensions = {"sni_hostname": target.host}
    with _client(tls) as http, _deadline(http) as is_over:
        try:
            with http.stream("GET", url, headers=headers, extensions=extensions) as response:
                return _read(response)
        except (httpx.HTTPError, OSError, RuntimeError) as error:
            if is_over.is_set() or isinstance(error, httpx.TimeoutException):
                raise DiscoveryFailed("The provider did not respond in time.") from error
            raise DiscoveryFailed(f"The provider cannot be reached: {error}.") from error


def _client(tls: ssl.SSLContext | None) -> httpx.Client:
    timeout = httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)
    return httpx.Client(
        trust_env=False, follow_redirects=False, timeout=timeout, verify=tls or True
    )


@contextmanager
def _deadline(http: httpx.Client) -> Iterator[threading.Event]:
    # Each wait for bytes has its own limit; closing under a server that drips ends the sum of them.
    is_over = threading.Event()

    def end() -> None:
        is_over.set()
        http.close()

    timer = threading.Timer(TOTAL_SECONDS, end)
    timer.daemon = True
    timer.start()
    try:
        yield is_over
    finally:
        timer.cancel()


def _read(response: httpx.Response) -> bytes:
    if response.is_redirect:
        raise DiscoveryFailed("The provider redirects to another address; enter that one.")
    if response.status_code in (401, 403):
        raise DiscoveryFailed(f"The provider refuses the key (status {response.status_code}).")
    if response.status_code != 200:
        raise DiscoveryFailed(f"The provider responds with status {response.status_code}.")
    if response.headers.get("content-encoding", "identity") != "identity":
        raise DiscoveryFailed("The provider responds in an encoding that was not requested.")
    body = bytearray()
    for chunk in response.iter_raw():
        body += chunk
        if len(body) > LARGEST_RESPONSE:
            raise DiscoveryFailed(
                f"The provider's list is larger than {LARGEST_RESPONSE // 1024 // 1024} MiB."
            )
    return bytes(body)


def models_of(body: bytes) -> list[str]:
    """The names in `{"data": [{"id"}]}`, `{"models": [{"id" or "name"}]}` or a bare list; raises
    DiscoveryFailed."""
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DiscoveryFailed(f"The provider's response is not JSON; {_HINT}") from error
    entries = found.get("data", found.get("models")) if isinstance(found, dict) else found
    if not isinstance(entries, list):
        raise DiscoveryFailed(f"The provider's response is not a list of models; {_HINT}")
    names = (
        entry.get("id") or entry.get("name") if isinstance(entry, dict) else entry
        for entry in entries[:MOST_MODELS]
    )
    return sorted({name for name in names if _is_name(name)})


def _is_name(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and value.isprintable() and 0 < len(value) <= LONGEST_NAME
