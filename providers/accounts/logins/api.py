"""`/api/providers/oauth/logins`: connecting an account, bound to the session or the token that
began it."""

from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.debug import sensitive_variables

from management_proxy.client.oauth import FLOWS
from management_proxy.tokens.access import token_of
from providers.accounts.logins import actions
from providers.accounts.logins.background import watch
from providers.accounts.logins.polling import poll
from providers.errors import ChangeRefused
from providers.models import AccountLogin
from providers.web.api import body_of, caller, json_api, text_of, upstream_of


def _binding(request: HttpRequest) -> str:
    token = token_of(request)
    return f"token:{token.pk}" if token else request.session.session_key or ""


@json_api("GET", "POST")
def collection(request: HttpRequest) -> HttpResponse:
    """GET the caller's open logins; POST `{flow, browserIsOnUpstream?}` begins one and returns
    the page to open."""
    upstream, user, digest = (
        upstream_of(request),
        caller(request),
        actions.session_digest(_binding(request)),
    )
    if request.method == "GET":
        found = AccountLogin.objects.filter(
            upstream=upstream, user=user, session_digest=digest, settled_at=None
        )
        return JsonResponse(
            {
                "data": {
                    "logins": [_summary(login) for login in found],
                    "flows": {name: flow.label for name, flow in FLOWS.items()},
                }
            }
        )
    body = body_of(request, ("flow", "browserIsOnUpstream"))
    is_local = body.get("browserIsOnUpstream") is True
    login = actions.begin(
        upstream,
        user,
        _binding(request),
        text_of(body, "flow", required=True),
        browser_is_on_upstream=is_local,
    )
    transaction.on_commit(lambda: watch(login))
    return JsonResponse({"success": True, "data": _summary(login)}, status=201)


@json_api("GET", "DELETE")
def one(request: HttpRequest, login_id: int) -> HttpResponse:
    """GET its state, to be polled every two seconds or so; DELETE cancels it."""
    login = _own(request, login_id)
    login = actions.cancel(login) if request.method == "DELETE" else poll(login)
    return JsonResponse({"success": True, "data": _summary(login)})


@json_api("POST")
@sensitive_variables("body")
def callback(request: HttpRequest, login_id: int) -> HttpResponse:
    """POST `{callbackUrl}`: the address that the browser ended at. 202: the exchange continues;
    poll its state."""
    body = body_of(request, ("callbackUrl",))
    pasted = body.get("callbackUrl")
    if not isinstance(pasted, str):
        raise ChangeRefused("expected the address", "callbackUrl", "VALIDATION_MISSING_FIELDS")
    login = actions.deliver(_own(request, login_id), pasted)
    return JsonResponse(
        {"success": True, "data": _summary(login)}, status=202 if login.is_open else 200
    )


def _own(request: HttpRequest, login_id: int) -> AccountLogin:
    digest = actions.session_digest(_binding(request))
    own = AccountLogin.objects.select_related("upstream").filter(
        upstream=upstream_of(request), user=caller(request), session_digest=digest
    )
    login = own.filter(pk=login_id).first()
    if login is None:
        raise ChangeRefused(
            "there is no such login, or another user started it", "", "RESOURCE_NOT_FOUND"
        )
    return login


def _summary(login: AccountLogin) -> dict[str, Any]:
    return {
        "id": login.pk,
        "flow": login.flow,
        "mode": login.mode,
        "status": login.status,
        "isOpen": login.is_open,
        "url": login.url or None,
        "userCode": login.user_code or None,
        "detail": login.detail or None,
        "trouble": login.trouble or None,
        "accountName": login.account_name or None,
        "expiresAt": login.expires_at,
    }
