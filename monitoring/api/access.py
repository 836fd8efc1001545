"""Whether a request may enter a JSON address: signed in, with the right bearer key, not forged."""

import hmac
from collections.abc import Callable
from functools import wraps
from io import BytesIO
from typing import Any

from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.csrf import CsrfViewMiddleware

from monitoring.api.errors import NOT_SIGNED_IN, error

API = "/api/"
View = Callable[..., HttpResponseBase]


def is_below_api(request: HttpRequest) -> bool:
    """Whether programs, not people, read what this address responds."""
    return request.path.startswith(API)


def signed_in(view: View) -> View:
    """401 in JSON for anonymous callers, instead of a redirect to a page."""

    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return error(*NOT_SIGNED_IN)
        return view(request, *args, **kwargs)

    return checked


def bearer_key(request: HttpRequest) -> str:
    """What the request bears in `Authorization: Bearer <key>`; empty without one."""
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def bears(request: HttpRequest, key: str) -> bool:
    """Whether the request bears this key, compared in constant time; never if the key is empty."""
    return bool(key) and hmac.compare_digest(bearer_key(request).encode(), key.encode())


def is_intended(request: HttpRequest) -> bool:
    """Whether no other site's page can have sent the request: CSRF header, cookie and origin agree,
    or it was authenticated by a token, which no browser sends by itself.

    For views that are exempt from Django's check. The body is not read, for it may be streamed:
    only the header counts.
    """
    bodiless = WSGIRequest(
        {**request.META, "REQUEST_METHOD": "PUT", "CONTENT_LENGTH": "0", "wsgi.input": BytesIO()}
    )
    exempt = getattr(request, "_dont_enforce_csrf_checks", False)
    bodiless._dont_enforce_csrf_checks = exempt  # type: ignore[attr-defined]
    middleware = CsrfViewMiddleware(lambda _: HttpResponse())
    middleware.process_request(bodiless)
    return middleware.process_view(bodiless, lambda _: HttpResponse(), (), {}) is None
