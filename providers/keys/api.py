"""`/api/providers/keys`: the provider keys of an upstream, those of others only for staff."""

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse

from management_proxy.models import Upstream
from management_proxy.upstreams.clients import client_for
from providers.errors import ChangeRefused
from providers.keys import actions as keys
from providers.keys.families import FAMILIES, Family
from providers.keys.queries import ListedKey, find_listed, listed_keys, visible_to
from providers.keys.trial import try_key
from providers.web.api import body_of, caller, json_api, outcome, owner_of, text_of, upstream_of
from providers.web.forms import LONGEST_NOTE

_BESIDE_THE_ENTRY = ("provider", "apiKey", "baseUrl", "name", "owner", "note", "entry", "reason")


@json_api("GET", "POST")
def collection(request: HttpRequest) -> HttpResponse:
    """GET `?provider=&upstream=`; POST `{provider, apiKey, baseUrl?, entry?: {...}, name?, owner?,
    note?, reason?}`."""
    upstream = upstream_of(request)
    if request.method == "POST":
        return _add(request, upstream)
    families = (
        [keys.family_of(request.GET["provider"])]
        if request.GET.get("provider")
        else list(FAMILIES.values())
    )
    everything = listed_keys(upstream, client_for(upstream), families)
    shown = visible_to(caller(request), everything)
    return JsonResponse(
        {
            "data": {
                "keys": [_summary(key, request) for key in shown],
                "others": len(everything) - len(shown),
            }
        }
    )


def _add(request: HttpRequest, upstream: Upstream) -> HttpResponse:
    body = body_of(request, _BESIDE_THE_ENTRY)
    family = keys.family_of(text_of(body, "provider", required=True))
    entry = body.get("entry", {})
    if not isinstance(entry, dict):
        raise ChangeRefused("expected an object", "entry")
    for field, name in (("apiKey", "api-key"), ("baseUrl", "base-url")):
        if field in body:
            entry = {**entry, name: body[field]}
    user = caller(request)
    new = keys.NewKey(
        family,
        entry,
        owner=owner_of(body, user),
        name=text_of(body, "name", longest=100),
        note=text_of(body, "note", longest=LONGEST_NOTE),
    )
    intent = keys.add(upstream, new, user, text_of(body, "reason"))
    key_id = intent.subject
    return outcome(
        intent, {"keyHash": key_id, "keyIdentifier": intent.title.removeprefix("Add ")}, status=201
    )


@json_api("GET", "PATCH", "DELETE")
def one(request: HttpRequest, key_id: str, family: Family | None = None) -> HttpResponse:
    """GET one; PATCH `{entry?: {field: value or null}, disabled?, name?, owner?, note?, reason?}`;
    DELETE."""
    upstream = upstream_of(request)
    listed = _wanted(request, upstream, key_id, family)
    if request.method == "GET":
        return JsonResponse({"data": _summary(listed, request)})
    if request.method == "DELETE":
        return outcome(
            keys.remove(upstream, listed, caller(request), request.GET.get("reason", ""))
        )
    return _change(request, upstream, listed)


def _change(request: HttpRequest, upstream: Upstream, listed: ListedKey) -> HttpResponse:
    known = ("entry", "disabled", "name", "owner", "note", "reason")
    user, body = caller(request), body_of(request, known)
    reason = text_of(body, "reason")
    if body.keys() & {"name", "owner", "note"}:
        name = text_of(body, "name", longest=100) if "name" in body else None
        keys.rename(
            upstream,
            listed,
            user,
            name=name,
            note=text_of(body, "note", longest=LONGEST_NOTE) if "note" in body else None,
            owner_given="owner" in body,
            owner=owner_of(body, user),
        )
    if isinstance(body.get("disabled"), bool):
        return outcome(keys.switch(upstream, listed, body["disabled"], user, reason))
    if entry := body.get("entry"):
        if not isinstance(entry, dict):
            raise ChangeRefused("expected an object", "entry")
        return outcome(keys.edit(upstream, listed, entry, user, reason=reason))
    if "disabled" in body:
        raise ChangeRefused("expected true or false", "disabled")
    return JsonResponse({"success": True, "data": {}})


@json_api("POST")
def trial(request: HttpRequest, key_id: str, family: Family | None = None) -> HttpResponse:
    """Request the provider's models with this key, through the upstream."""
    upstream = upstream_of(request)
    result = try_key(upstream, _wanted(request, upstream, key_id, family), caller(request))
    return JsonResponse(
        {"data": {"ok": result.ok, "status": result.status, "message": result.message}}
    )


def _wanted(
    request: HttpRequest, upstream: Upstream, key_id: str, family: Family | None
) -> ListedKey:
    families = [family] if family else FAMILIES.values()
    everything = listed_keys(upstream, client_for(upstream), families)
    listed = find_listed(visible_to(caller(request), everything), key_id)
    if listed is None:
        raise ChangeRefused("there is no such key, or it is not yours", "", "KEY_NOT_FOUND")
    return listed


def _summary(key: ListedKey, request: HttpRequest) -> dict[str, Any]:
    owner = key.row.owner if key.row else None
    return {
        "keyHash": key.id,
        "maskedKey": key.masked_key,
        "provider": key.family.name,
        "name": key.name,
        "note": key.note or None,
        "ownerUsername": owner.get_username() if owner else None,
        "ownerUserId": owner.pk if owner else None,
        "isOwn": owner is not None and owner.pk == request.user.pk,
        "disabled": key.is_disabled,
        "loaded": key.is_loaded,
        "authIndexes": list(key.auth_indexes),
        "entry": key.shown,
    }
