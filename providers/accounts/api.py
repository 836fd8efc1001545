"""`/api/providers/oauth`: the accounts of an upstream; those of others only for staff. The JSON
twin of the page."""

from typing import Any

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, JsonResponse

from management_proxy.client import auth_files as auth_file_client
from management_proxy.models import Upstream
from management_proxy.upstreams.clients import client_for
from providers.accounts import actions
from providers.accounts.auth_files import PROVIDERS
from providers.accounts.forms import AccountFilterForm
from providers.accounts.queries import (
    COLUMNS,
    AccountRow,
    account_rows,
    extra_fields,
    find_account,
    matching,
)
from providers.errors import ChangeRefused
from providers.models import Account
from providers.web.api import body_of, caller, json_api, outcome, owner_of, text_of, upstream_of
from providers.web.api_pages import page_of

_FIELDS = {
    "note": "note",
    "priority": "priority",
    "weight": "weight",
    "prefix": "prefix",
    "proxyUrl": "proxy_url",
}


@json_api("GET")
def collection(request: HttpRequest) -> HttpResponse:
    """GET `?provider=&health=&owner=&q=&sort=&page=&pageSize=`: the accounts that the caller may
    see; all of them without a page."""
    rows = account_rows(upstream_of(request), caller(request))
    chosen = AccountFilterForm(request.GET)
    if not chosen.is_valid():
        field, messages = next(iter(chosen.errors.items()))
        raise ChangeRefused(str(messages[0]), field)
    page, total = page_of(request, matching(rows, **chosen.chosen()), COLUMNS)
    return JsonResponse({"data": {"accounts": [_summary(row) for row in page], "total": total}})


@json_api("GET", "PATCH", "DELETE")
def one(request: HttpRequest, name: str) -> HttpResponse:
    """GET one with its models; PATCH `{disabled}` or `{note?, priority?, weight?, prefix?,
    proxyUrl?}`, null clearing one; DELETE."""
    upstream, user = upstream_of(request), caller(request)
    if request.method == "GET":
        return _one(upstream, user, name)
    if request.method == "DELETE":
        return outcome(actions.delete(upstream, user, name))
    body = body_of(request, ("disabled", *_FIELDS))
    if "disabled" in body:
        if len(body) > 1 or not isinstance(body["disabled"], bool):
            raise ChangeRefused("expected true or false, and no other field beside it", "disabled")
        return outcome(
            actions.switch(upstream, user, name, disabled=body["disabled"]),
            {"disabled": body["disabled"]},
        )
    return outcome(
        actions.edit(upstream, user, name, {_FIELDS[field]: value for field, value in body.items()})
    )


def _one(upstream: Upstream, user: User, name: str) -> HttpResponse:
    row = find_account(upstream, user, name)
    if row is None:
        raise ChangeRefused(
            "there is no such account, or it is not yours", "", "RESOURCE_NOT_FOUND"
        )
    extra = extra_fields(upstream, name)
    models = auth_file_client.auth_file_models(client_for(upstream), name)
    return JsonResponse(
        {
            "data": {
                **_summary(row),
                "prefix": extra["prefix"] or None,
                "proxyUrl": extra["proxy_url"] or None,
                "models": models,
            }
        }
    )


@json_api("POST")
def reset(request: HttpRequest, name: str) -> HttpResponse:
    """POST: end its cooldown upstream."""
    return JsonResponse(
        {
            "success": True,
            "data": {"models": actions.reset_cooldown(upstream_of(request), caller(request), name)},
        }
    )


@json_api("POST")
def import_file(request: HttpRequest) -> HttpResponse:
    """POST `{fileName, fileContent, provider?, acceptDuplicate?}`: a new account of the caller;
    `fileContent` is the file's text."""
    body = body_of(request, ("fileName", "fileContent", "provider", "acceptDuplicate"))
    name, content = text_of(body, "fileName", longest=500, required=True), body.get("fileContent")
    if not isinstance(content, str):
        raise ChangeRefused("expected the file's text", "fileContent", "VALIDATION_MISSING_FIELDS")
    if (provider := body.get("provider")) is not None and provider not in PROVIDERS:
        raise ChangeRefused(
            f"expected one of {', '.join(PROVIDERS)}", "provider", "PROVIDER_INVALID"
        )
    encoded = content.encode(errors="surrogatepass")
    intent = actions.upload(
        upstream_of(request),
        caller(request),
        name,
        encoded,
        provider=provider or "",
        twin_accepted=body.get("acceptDuplicate") is True,
    )
    return outcome(intent, {"accountName": name}, status=201)


@json_api("POST")
def claim(request: HttpRequest) -> HttpResponse:
    """POST `{accountName, owner?}`, for staff: name the owner of an account; the caller by
    default, null for none."""
    upstream, user, body = (
        upstream_of(request),
        caller(request),
        body_of(request, ("accountName", "owner")),
    )
    name = text_of(body, "accountName", required=True)
    actions.grant(upstream, user, name, owner_of(body, user))
    account = Account.objects.get(upstream=upstream, name=name)
    return JsonResponse(
        {
            "success": True,
            "data": {"id": account.pk, "accountName": name, "provider": account.provider},
        },
        status=201,
    )


def _summary(row: AccountRow) -> dict[str, Any]:
    file = row.file
    return {
        "id": file.name,
        "authId": file.auth_index,
        "accountName": file.name,
        "accountEmail": file.email or None,
        "provider": file.provider,
        "ownerUsername": row.owner.get_username() if row.owner else None,
        "ownerUserId": row.owner.pk if row.owner else None,
        "isOwn": row.is_own,
        "status": file.status,
        "health": row.health,
        "statusMessage": file.reason or None,
        "unavailable": file.is_unavailable,
        "disabled": file.is_disabled,
        "nextRetryAt": row.retry_at,
        "lastRefreshAt": file.last_refresh_at,
        "plan": file.plan or None,
        "planUntil": file.plan_until,
        "success": file.success,
        "failed": file.failed,
        "recent": [
            {"time": slot.label, "success": slot.success, "failed": slot.failed}
            for slot in file.recent.slots
        ],
        "note": file.note or None,
        "priority": file.priority,
        "weight": file.weight,
        "other": file.other or None,
    }
