"""The pages that renew themselves: all parts of one with one request, and only what changed.

    GET of the page's own address, HX-Request: true, If-None-Match: the tags of the parts shown
        --> 304 without a body: all parts are as they are shown
        --> 200: the parts that changed, each an element with an id that replaces its like

Either carries the tags of all parts (`ETag`) and the live texts of those that did not change
(`Tollgate-Live`, JSON). Tags name the user, so that no browser is given what another user was
shown (monitoring/web/parts.py). static/js/polling decides when to request.
"""

import json
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.cache import patch_vary_headers

from monitoring.web.parts import COLLECTED, Live, Part, etag_of, held_tags, version_tag

REGION = "region"
# The frame's own part: staff see the bell on every page.
_BELL = "monitoring/alerts/bell.html"
_LONGEST_LIVE_BYTES = 2000
_VARIES_WITH = ("Cookie", "HX-Request")
# The header or the query of a request for the page as it is once all could be read.
_WAITS_HEADER, WAITS_QUERY = "Tollgate-Wait", "wait"


def asks_for_region(request: HttpRequest) -> bool:
    """Whether htmx sent the request, and so wants what changed instead of the page."""
    return bool(getattr(request, "htmx", False))


def opens_page(request: HttpRequest) -> bool:
    """Whether a reader opens the page, and is to see it at once: not one that is renewed, sent, or
    read by a script while its first rendering is shown."""
    waits = _WAITS_HEADER in request.headers or WAITS_QUERY in request.GET
    return request.method == "GET" and not asks_for_region(request) and not waits


def read_again(request: HttpRequest, seconds: int) -> None:
    """Have the page's content requested again after so many seconds (static/js/reading.js): 0 for
    what was not read yet and is waited for, without scripts as well (base.html). What a POST
    rendered stays as it is."""
    if request.method == "GET":
        request.read_after = seconds  # type: ignore[attr-defined]


def is_being_read(request: HttpRequest) -> bool:
    """Whether the page shows what is known, while the rest is waited for."""
    return getattr(request, "read_after", None) == 0


def polled_page(
    request: HttpRequest,
    template: str,
    context: dict[str, Any],
    *,
    partials: tuple[str, ...] = (REGION, "as_of"),
    version: object = None,
    drawn: Callable[[], dict[str, Any]] = dict,
) -> HttpResponse:
    """The page, or for htmx those of its parts that the browser does not show yet.

    `partials` of the template are the parts. `version`, if given, has a `repr` that identifies all
    that the region shows; the region is not rendered while it stays the same. `drawn` is more of
    the context, which only the region needs.
    """
    known = repr(version) if version is not None else ""
    context = context | {"region_version": known}
    if not asks_for_region(request):
        response = render(request, template, context | drawn())
        patch_vary_headers(response, _VARIES_WITH)
        return response
    parts: list[Part] = []
    if known and held_tags(request).get(REGION) == (tag := version_tag(request, REGION, known)):
        parts.append(Part(REGION, tag, "", {}))
        partials = tuple(partial for partial in partials if partial != REGION)
    else:
        context |= drawn()
    for partial in partials:
        _render_part(request, f"{template}#{partial}", context, parts)
    if request.user.is_staff:
        _render_part(request, _BELL, context, parts)
    return parts_response(request, parts)


def lone_part(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    """The one part that a template is, unless the browser shows it already."""
    parts: list[Part] = []
    _render_part(request, template, context, parts)
    return parts_response(request, parts)


def parts_response(request: HttpRequest, parts: list[Part]) -> HttpResponse:
    """Of these parts the ones that the browser does not show yet; 304 if there are none."""
    held = held_tags(request)
    changed = [part for part in parts if held.get(part.id) != part.tag]
    live = _live_texts([part for part in parts if part not in changed])
    if len(live) > _LONGEST_LIVE_BYTES:
        changed, live = parts, ""
    response: HttpResponse = (
        HttpResponse("\n".join(part.html for part in changed))
        if changed
        else HttpResponseNotModified()
    )
    response.headers["ETag"] = etag_of(parts)
    if live:
        response.headers["Tollgate-Live"] = live
    patch_vary_headers(response, _VARIES_WITH)
    return response


def _render_part(
    request: HttpRequest, template: str, context: dict[str, Any], parts: list[Part]
) -> None:
    before = len(parts)
    render_to_string(template, context | {COLLECTED: parts}, request)
    if len(parts) == before:
        raise ValueError(f"{template} has no {{% part %}} or {{% polled %}}.")


def _live_texts(parts: list[Part]) -> str:
    texts: Live = {}
    for part in parts:
        texts |= part.live
    return json.dumps(texts, separators=(",", ":")) if texts else ""
