"""The menu of saved views on the pages that can be saved."""

from urllib.parse import urlencode

from django.http import HttpRequest

from usage.models import SavedView
from usage.saved_views.queries import visible_to

Page = SavedView.Page
# The addresses of the pages that can be saved.
URL_NAMES = {
    Page.USAGE: "usage:page",
    Page.SPEED: "usage:speed",
    Page.MATRIX: "usage:matrix",
    Page.COMPARE: "usage:compare",
    Page.EVENTS: "usage:events",
    Page.FAILURES: "usage:failures",
}
_PAGES = {url_name: page for page, url_name in URL_NAMES.items()}


def views_menu(request: HttpRequest, pairs: list[tuple[str, str]]) -> dict[str, object]:
    """The context of `usage/saved/menu.html`; `pairs` are what would be saved. Nothing on pages
    that cannot be saved."""
    match = request.resolver_match
    page = _PAGES.get(match.view_name) if match else None
    if page is None:
        return {"saved_page": ""}
    return {
        "saved_page": page.value,
        "saved_query": urlencode(pairs),
        "saved_views": visible_to(request.user),
    }
