"""Bearer authentication of the JSON addresses by personal tokens.

Only below `/api/`, and only of credentials that look like ours: pages want a session, and other
bearer keys are the views' own. What a token's scope or upstreams do not cover is refused here,
before any view, so that no view can forget it:

* a method that changes something needs the scope `write`;
* a token that is limited to some upstreams enters only views that declare to honour that
  (`honours_token_upstreams`).

The proxy knows better what a call does than its method shows, and judges both itself
(`honours_token`).

A token needs no CSRF token, since no browser sends it by itself.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from django.http import HttpRequest, HttpResponse

from management_proxy.models import PersonalToken
from management_proxy.tokens.actions import note_use
from management_proxy.tokens.queries import MARK, find_token
from monitoring.api.access import bearer_key, is_below_api
from monitoring.api.errors import error
from monitoring.audit import trail
from monitoring.logs.account import current_account
from monitoring.refusal_counts import MOST_A_MINUTE, count_refusal
from monitoring.request_context import current_request

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")

View = TypeVar("View", bound=Callable[..., Any])


def honours_token_upstreams(view: View) -> View:
    """Mark a view as one that itself refuses, or leaves out, upstreams which the caller's token
    does not reach."""
    view.honours_token_upstreams = True  # type: ignore[attr-defined]
    return view


def honours_token(view: View) -> View:
    """Mark a view as one that itself refuses whatever the caller's token does not cover, scope and
    upstreams."""
    view.honours_token_scope = True  # type: ignore[attr-defined]
    return honours_token_upstreams(view)


def token_of(request: HttpRequest) -> PersonalToken | None:
    """The token by which the request was authenticated; None of a session."""
    token: PersonalToken | None = getattr(request, "personal_token", None)
    return token


class PersonalTokenMiddleware:
    """Makes the token's user the request's user, or refuses."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        secret = bearer_key(request) if is_below_api(request) else ""
        if not secret.startswith(MARK):
            return self.get_response(request)
        token, reason = find_token(secret)
        if token is None:
            return _refuse_unknown(request, reason)
        current_request().via = trail.Via.TOKEN
        account = current_account()
        account.user_id, account.token_id = token.user_id, token.pk
        note_use(token, current_request().source_ip)
        request.user = token.user
        request.personal_token = token  # type: ignore[attr-defined]
        request._dont_enforce_csrf_checks = True  # type: ignore[attr-defined]
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any
    ) -> HttpResponse | None:
        token = token_of(request)
        if token is None:
            return None
        judges_itself = getattr(view, "honours_token_scope", False)
        if (
            request.method not in SAFE_METHODS
            and not judges_itself
            and not token.may(PersonalToken.Scope.WRITE)
        ):
            return _refuse(request, token, "The token may read only.")
        if not token.any_upstream and not getattr(view, "honours_token_upstreams", False):
            return _refuse(
                request,
                token,
                "The token is limited to some upstreams, and this address serves all.",
            )
        return None


def _refuse(request: HttpRequest, token: PersonalToken, reason: str) -> HttpResponse:
    if request.method not in SAFE_METHODS:
        detail = {"reason": reason, "token_name": token.name}
        trail.record(
            token.user,
            "api.refused",
            f"{request.method} {request.path}",
            outcome=trail.Outcome.REFUSED,
            detail=detail,
        )
    return error(403, "AUTH_INSUFFICIENT_PERMISSIONS", reason)


def _refuse_unknown(request: HttpRequest, reason: str) -> HttpResponse:
    # A good token always passes, since many may share an address; and 256 bits are not guessed.
    refusals = count_refusal(f"token {current_request().source_ip}")
    if refusals > MOST_A_MINUTE:
        message = f"Too many refused tokens from this address. {reason}"
        return error(429, "RATE_LIMITED", message, headers={"Retry-After": "60"})
    if refusals == 1:
        trail.record(
            None,
            "personal_token.refused",
            f"{request.method} {request.path}",
            outcome=trail.Outcome.REFUSED,
            detail={"reason": reason},
        )
    return error(
        401, "AUTH_FAILED", reason, headers={"WWW-Authenticate": 'Bearer realm="tollgate"'}
    )
