"""The pages of Tollgate: those that the URL configuration has without parameters, and those that
links of pages lead to.
"""

import re
from collections import deque
from collections.abc import Callable, Iterator
from html import unescape
from urllib.parse import urljoin, urlsplit

from django.urls import Resolver404, URLResolver, get_resolver, resolve

# JSON, figures and files are for machines; the admin's pages are Django's.
_NO_PAGES = re.compile(
    r"^/(?:api|admin|static|__)/|^/(?:metrics|healthz|readyz|api)|[.]csv|[.]json"
)
_LINK = re.compile(r"""<a\b[^>]*?\shref=["']([^"'#]+)""")


def addresses(resolver: URLResolver | None = None, prefix: str = "/") -> Iterator[str]:
    """All addresses below a resolver, by default of the site, with parameters in angle brackets."""
    for pattern in (resolver or get_resolver()).url_patterns:
        address = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern, address)
        else:
            yield address


def is_page(address: str) -> bool:
    """Whether a person may look for a page there."""
    path = urlsplit(address).path
    return address.startswith("/") and "^" not in path and not _NO_PAGES.search(path)


def route_of(address: str) -> str:
    """The address with its parameters in angle brackets, as `addresses` has it; empty for none."""
    try:
        return "/" + resolve(urlsplit(address).path).route
    except Resolver404:
        return ""


def crawl(read: Callable[[str], str]) -> dict[str, str]:
    """One address of every page by its route, those that the URL configuration has first.

    `read` returns the HTML of the page at an address, and nothing if no page is there.
    """
    waiting = deque(one for one in addresses() if is_page(one) and "<" not in one)
    found: dict[str, str] = {}
    tried: set[str] = set()
    while waiting:
        address = waiting.popleft()
        route = route_of(address)
        if route in found or address in tried or not route:
            continue
        tried.add(address)
        if page := read(address):
            found[route] = address
            waiting.extend(filter(is_page, links(address, page)))
    return found


def links(address: str, page: str) -> list[str]:
    """Where the links of a page at an address lead, within the site and without fragments."""
    return [urljoin(address, unescape(link)) for link in _LINK.findall(page)]
