"""The language of a page: the user's choice, else the browser's, else DEFAULT_LANGUAGE.

A choice made before signing in is kept in a cookie, one made afterwards with the account as well,
where it holds in every browser. What scripts and probes read is English whatever they prefer.
"""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation.trans_real import parse_accept_lang_header
from django.views.decorators.http import require_POST

from config.sign_in.models import Preferences

FOR_MACHINES = ("/api/", "/metrics", "/healthz", "/readyz")


class LanguageMiddleware:
    """Activates the language of a page while it is made; stands behind that of sessions."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path.startswith(FOR_MACHINES):
            return self.get_response(request)
        language = chosen_language(request) or _preferred_language(request)
        with translation.override(language):
            response = self.get_response(request)
        patch_vary_headers(response, ("Accept-Language", "Cookie"))
        response.headers.setdefault("Content-Language", language)
        return response


def chosen_language(request: HttpRequest) -> str:
    """The code of the language that was chosen, with the account or in this browser; empty if none
    was."""
    session = request.session
    session.get("_")  # reads the session, and what its user chose
    chosen = getattr(session, "language", "") or request.COOKIES.get(
        settings.LANGUAGE_COOKIE_NAME, ""
    )
    return chosen if _is_known(chosen) else ""


def shown(request: HttpRequest) -> dict[str, Any]:
    """For every template: the languages, and which was chosen."""
    return {"languages": settings.LANGUAGES, "chosen_language": chosen_language(request)}


@require_POST
def choose_language(request: HttpRequest) -> HttpResponse:
    """Keep the choice (`language`; empty: as the browser prefers), and return to the page on which
    it was made (`next`)."""
    language = request.POST.get("language", "")
    chosen = language if _is_known(language) else ""
    response = redirect(_way_back(request))
    if request.user.is_authenticated:
        Preferences.objects.update_or_create(user=request.user, defaults={"language": chosen})
    _keep_in_browser(response, chosen)
    return response


def _preferred_language(request: HttpRequest) -> str:
    """Of the browser's languages the first that is one of ours, also by its family: de-CH is de."""
    for wanted, _ in parse_accept_lang_header(request.headers.get("Accept-Language", "")):
        try:
            return translation.get_supported_language_variant(wanted)
        except LookupError:
            continue
    return settings.DEFAULT_LANGUAGE


def _is_known(code: str) -> bool:
    return code in dict(settings.LANGUAGES)


def _way_back(request: HttpRequest) -> str:
    page = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(
        page, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return page if is_ours else "/"


def _keep_in_browser(response: HttpResponse, language: str) -> None:
    if not language:
        response.delete_cookie(settings.LANGUAGE_COOKIE_NAME, samesite="Lax")
        return
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        max_age=settings.LANGUAGE_COOKIE_AGE,
        secure=settings.LANGUAGE_COOKIE_SECURE,
        samesite="Lax",
        httponly=True,
    )
