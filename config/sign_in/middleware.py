"""The user of a request, read when it is first needed, and the way back in when there is none."""

from collections.abc import Callable
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.contrib.auth import middleware
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django.utils.functional import SimpleLazyObject

from config.sign_in.sessions import user_of
from monitoring.logs.account import current_account


class AuthenticationMiddleware(middleware.AuthenticationMiddleware):
    """Django's, with the user that came with the session."""

    def process_request(self, request: HttpRequest) -> None:
        super().process_request(request)
        request.user = SimpleLazyObject(lambda: _accounted_user(request))  # type: ignore[assignment]


def _accounted_user(request: HttpRequest) -> AbstractBaseUser | AnonymousUser:
    user: AbstractBaseUser | AnonymousUser = user_of(request)
    current_account().user_id = user.pk
    return user


class SignInAgainMiddleware:
    """Sends htmx to the sign-in page with 401 instead of a redirect, which a script cannot
    distinguish from the page it wants; `next` is the page that the browser shows, with its
    filters."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        sign_in = resolve_url(settings.LOGIN_URL)
        if (
            request.headers.get("HX-Request") != "true"
            or response.status_code != 302
            or urlsplit(response.headers["Location"]).path != sign_in
        ):
            return response
        shown = urlsplit(request.headers.get("HX-Current-URL", ""))
        here = shown._replace(scheme="", netloc="", fragment="").geturl()
        refused = HttpResponse(status=401)
        refused.headers["HX-Redirect"] = f"{sign_in}?{urlencode({'next': here or '/'})}"
        return refused
