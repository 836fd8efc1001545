"""`/api/custom-providers` and `/api/provider-groups`: the JSON twin of the custom providers'
page."""

from typing import Any

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, JsonResponse

from management_proxy.models import Upstream
from providers.custom import actions
from providers.custom.actions import Place
from providers.custom.queries import CustomRow, custom_rows, find_custom, visible_groups
from providers.errors import ChangeRefused
from providers.keys.entries import Entry, masked_entry
from providers.models import Intent, ProviderGroup
from providers.web.api import body_of, caller, json_api, outcome, text_of, upstream_of

_ENTRY = {
    "name": "name",
    "baseUrl": "base-url",
    "prefix": "prefix",
    "priority": "priority",
    "headers": "headers",
    "models": "models",
}
_FIELDS = (*_ENTRY, "apiKey", "entry", "isShared", "groupId")


@json_api("GET", "POST")
def collection(request: HttpRequest) -> HttpResponse:
    """GET own and shared ones; POST `{name, baseUrl, apiKey?, models?, headers?, prefix?, entry?,
    isShared?, groupId?}`."""
    upstream, user = upstream_of(request), caller(request)
    if request.method == "GET":
        return JsonResponse(
            {"data": {"providers": [_summary(row, user) for row in custom_rows(upstream, user)]}}
        )
    body = body_of(request, _FIELDS)
    intent = actions.create(upstream, user, _entry(body), _place(body, upstream, user))
    return outcome(intent, {"id": intent.subject, "name": body.get("name")}, status=201)


@json_api("GET", "PATCH", "DELETE")
def one(request: HttpRequest, key_id: str) -> HttpResponse:
    """GET one; PATCH any of the fields of POST, null removing one, or `{disabled}`; DELETE."""
    upstream, user = upstream_of(request), caller(request)
    row = _row(upstream, user, key_id)
    if request.method == "GET":
        return JsonResponse({"data": _summary(row, user)})
    if request.method == "DELETE":
        return outcome(actions.remove(upstream, user, row))
    body = body_of(request, (*_FIELDS, "disabled"))
    if "disabled" in body:
        if len(body) > 1 or not isinstance(body["disabled"], bool):
            raise ChangeRefused("expected true or false, and no other field beside it", "disabled")
        return outcome(actions.switch(upstream, user, row, disabled=body["disabled"]))
    return _changed(upstream, user, row, body)


def _changed(upstream: Upstream, user: User, row: CustomRow, body: dict[str, Any]) -> HttpResponse:
    place, entry = _place(body, upstream, user), _entry(body)
    intent = actions.edit(upstream, user, row, entry) if entry else None
    if place and (intent is None or intent.state == Intent.State.VERIFIED):
        actions.place_provider(
            upstream, user, find_custom(upstream, user, str(entry.get("name") or row.name)), place
        )
    return outcome(intent) if intent else JsonResponse({"success": True})


def _row(upstream: Upstream, user: User, key_id: str) -> CustomRow:
    row = next((row for row in custom_rows(upstream, user) if row.listed.id == key_id), None)
    if row is None:
        raise ChangeRefused(
            "there is no such provider, or it is not yours", "", "RESOURCE_NOT_FOUND"
        )
    return row


def _entry(body: dict[str, Any]) -> Entry:
    """The body's fields under the upstream's names; those of `entry` are given under them."""
    extra = body.get("entry", {})
    if not isinstance(extra, dict):
        raise ChangeRefused("expected an object", "entry")
    entry = {**extra, **{_ENTRY[name]: value for name, value in body.items() if name in _ENTRY}}
    if isinstance(models := entry.get("models"), list):
        entry["models"] = [_model(model) for model in models]
    if "apiKey" in body:
        entry["api-key-entries"] = [{"api-key": body["apiKey"]}] if body["apiKey"] else None
    return entry


def _model(model: Any) -> Any:
    if isinstance(model, dict) and "upstreamName" in model:
        return {
            "name": model["upstreamName"],
            **{name: value for name, value in model.items() if name != "upstreamName"},
        }
    return model


def _place(body: dict[str, Any], upstream: Upstream, user: User) -> Place | None:
    if "isShared" not in body and "groupId" not in body:
        return None
    if not isinstance(body.get("isShared"), bool | None):
        raise ChangeRefused("expected true or false", "isShared")
    group = (
        _group(upstream, user, body["groupId"], "groupId")
        if body.get("groupId") is not None
        else None
    )
    return Place(is_shared=body.get("isShared"), group=group, group_given="groupId" in body)


@json_api("PUT")
def reorder(request: HttpRequest) -> HttpResponse:
    """PUT `{providerIds: [...]}`, for staff: those listed come first in the upstream's list, in
    this order."""
    upstream, user, ids = (
        upstream_of(request),
        caller(request),
        body_of(request, ("providerIds",)).get("providerIds"),
    )
    if not isinstance(ids, list) or not ids or not all(isinstance(key_id, str) for key_id in ids):
        raise ChangeRefused("expected a list of ids", "providerIds")
    names = {row.listed.id: row.name for row in custom_rows(upstream, user)}
    if unknown := [key_id for key_id in ids if key_id not in names]:
        raise ChangeRefused(
            f"there is no provider {unknown[0][:70]}", "providerIds", "RESOURCE_NOT_FOUND"
        )
    return outcome(actions.order(upstream, user, [names[key_id] for key_id in ids]))


@json_api("POST")
def fetch_models(request: HttpRequest) -> HttpResponse:
    """POST `{baseUrl, apiKey?, headers?, providerId?}`: the models that it lists; with an id the
    stored key, at its own address."""
    upstream, user = upstream_of(request), caller(request)
    body = body_of(request, ("baseUrl", "apiKey", "headers", "providerId"))
    headers = body.get("headers") or {}
    if not isinstance(headers, dict) or not all(
        isinstance(value, str) for value in headers.values()
    ):
        raise ChangeRefused("expected an object of texts", "headers")
    row = _row(upstream, user, str(body["providerId"])) if body.get("providerId") else None
    found = actions.discover(
        text_of(body, "baseUrl", longest=500, required=True),
        text_of(body, "apiKey", longest=4096),
        headers,
        row,
    )
    return JsonResponse({"data": {"models": [{"id": name, "name": name} for name in found]}})


@json_api("GET", "POST")
def groups(request: HttpRequest) -> HttpResponse:
    """GET the visible groups with their providers; POST `{name, color, isEverybodys?}`."""
    upstream, user = upstream_of(request), caller(request)
    if request.method == "POST":
        body = body_of(request, ("name", "color", "isEverybodys"))
        saved = actions.save_group(
            upstream,
            user,
            text_of(body, "name"),
            text_of(body, "color"),
            is_everybodys=body.get("isEverybodys") is True,
        )
        return JsonResponse({"success": True, "data": _group_summary(saved, [])}, status=201)
    rows, visible = custom_rows(upstream, user), list(visible_groups(upstream, user))
    ungrouped = [_summary(row, user) for row in rows if row.group not in visible]
    return JsonResponse(
        {
            "data": {
                "groups": [
                    _group_summary(group, [row for row in rows if row.group == group])
                    for group in visible
                ],
                "ungrouped": ungrouped,
            }
        }
    )


@json_api("PATCH", "DELETE")
def group(request: HttpRequest, group_id: int) -> HttpResponse:
    """PATCH `{name?, color?}`, or `{isActive}`, which switches all its providers upstream; DELETE
    dissolves it."""
    upstream, user = upstream_of(request), caller(request)
    found = _group(upstream, user, group_id, "")
    if request.method == "DELETE":
        actions.remove_group(user, found)
        return JsonResponse({"success": True})
    body = body_of(request, ("name", "color", "isActive"))
    if "isActive" in body:
        if len(body) > 1 or not isinstance(body["isActive"], bool):
            raise ChangeRefused("expected true or false, and no other field beside it", "isActive")
        return outcome(actions.switch_group(upstream, user, found, disabled=not body["isActive"]))
    name, colour = (
        text_of(body, field) if field in body else present
        for field, present in (("name", found.name), ("color", found.colour))
    )
    saved = actions.save_group(upstream, user, name, colour, group=found)
    return JsonResponse({"success": True, "data": _group_summary(saved, [])})


def _group(upstream: Upstream, user: User, group_id: Any, field: str) -> ProviderGroup:
    found = (
        visible_groups(upstream, user).filter(pk=group_id).first()
        if isinstance(group_id, int) and 0 < group_id < 2**63
        else None
    )
    if found is None:
        raise ChangeRefused(
            "there is no such group, or it is not yours", field, "RESOURCE_NOT_FOUND"
        )
    return found


def _group_summary(found: ProviderGroup, rows: list[CustomRow]) -> dict[str, Any]:
    owner = found.owner.get_username() if found.owner else None
    providers = [
        {"id": row.listed.id, "name": row.name, "disabled": row.listed.is_disabled} for row in rows
    ]
    is_active = any(not row.listed.is_disabled for row in rows)
    return {
        "id": found.pk,
        "name": found.name,
        "color": found.colour,
        "ownerUsername": owner,
        "isActive": is_active,
        "providers": providers,
    }


def _summary(row: CustomRow, user: User) -> dict[str, Any]:
    shown = {
        "id": row.listed.id,
        "name": row.name,
        "baseUrl": row.base_url,
        "disabled": row.listed.is_disabled,
        "isLoaded": row.listed.is_loaded,
        "models": row.models,
        "isShared": row.is_shared,
        "groupId": row.group.pk if row.group else None,
        "isOwn": row.owner is not None and row.owner == user,
    }
    if not row.may_manage:
        return shown
    return {
        **shown,
        "ownerUsername": row.owner.get_username() if row.owner else None,
        "entry": masked_entry(row.listed.entry),
    }
