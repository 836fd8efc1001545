"""Which headers pass, each way; everything else stays where it came from.

Upstream never get: the caller's credentials, cookies, forwarding and hop-by-hop headers. Callers
never get: the upstream's CORS headers, cookies, banner and versions. Redirects do not pass at all.
"""

from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

TO_UPSTREAM = (
    "Content-Type",
    "Accept",
    "Range",
    "If-Range",
    "If-Match",
    "If-None-Match",
    "If-Modified-Since",
    "If-Unmodified-Since",
)
TO_CALLER = frozenset(
    {
        "accept-ranges",
        "content-disposition",
        "content-encoding",
        "content-range",
        "content-type",
        "etag",
        "last-modified",
        "retry-after",
    }
)
# A response is never cached on the way, its type never guessed, and never run as a page of ours.
ALWAYS = {
    "Cache-Control": "private, no-store",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
}
RawHeaders = list[tuple[bytes, bytes]]


# A part of a response may begin or end within a secret, which would not be recognised.
_OF_PARTS = frozenset({"Range", "If-Range"})


def headers_upstream(
    given: Mapping[str, str], key: str, url: str, request_id: str, *, allows_parts: bool = True
) -> RawHeaders:
    """The headers of the request that goes upstream, but for its length."""
    ours = {
        "Host": urlsplit(url).netloc,
        "Authorization": f"Bearer {key}",
        "Accept-Encoding": "identity",
        "User-Agent": "tollgate",
        "X-Request-Id": request_id,
    }
    passed = {
        name: value
        for name in TO_UPSTREAM
        if (value := given.get(name)) and (allows_parts or name not in _OF_PARTS)
    }
    return [
        (name.encode(), value.encode("latin-1", "replace"))
        for name, value in (ours | passed).items()
    ]


def headers_to_caller(given: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """The headers of the response that its caller gets; a repeated one counts once, the first."""
    passed: dict[str, str] = {}
    for name, value in given:
        if (text := name.decode("latin-1").lower()) in TO_CALLER and (
            clean := _clean(value)
        ) is not None:
            passed.setdefault(text.title().replace("Etag", "ETag"), clean)
    return passed | ALWAYS


def header(given: Iterable[tuple[bytes, bytes]], name: str) -> str:
    """One header's value; empty if it is missing."""
    wanted = name.lower().encode()
    return next((value.decode("latin-1") for key, value in given if key.lower() == wanted), "")


def _clean(value: bytes) -> str | None:
    text = value.decode("latin-1").strip()
    return text if text.isprintable() and len(text) <= 1000 else None
