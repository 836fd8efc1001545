"""Which part of a page's template responds: the whole page, or the region that htmx polls."""

from django.http import HttpRequest


def asks_for_region(request: HttpRequest) -> bool:
    """Whether htmx sent the request, and so wants a region instead of the page."""
    return bool(getattr(request, "htmx", False))


def page_or_region(request: HttpRequest, template: str) -> str:
    """The template's name, or its partial `region` for htmx."""
    return f"{template}#region" if asks_for_region(request) else template
