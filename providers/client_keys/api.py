"""`/api/client-keys`: the keys that clients present to the upstream; the JSON twin of the page."""

from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from management_proxy.client.errors import UpstreamError
from management_proxy.models import Upstream
from management_proxy.upstreams.clients import client_for
from providers.client_keys import actions as keys
from providers.client_keys.actions import MadeKey, Terms
from providers.client_keys.queries import (
    ShownKey,
    columns_of,
    listed_digests,
    note_listed,
    shown_keys,
    visible_rows,
)
from providers.errors import ChangeRefused
from providers.models import ClientKey
from providers.web.api import body_of, caller, json_api, outcome, owner_of, text_of, upstream_of
from providers.web.api_pages import page_of
from providers.web.forms import LONGEST_NOTE

_TERMS = {
    "expiresAt": "expires_at",
    "monthlyRequests": "monthly_requests",
    "monthlyTokens": "monthly_tokens",
    "removesAtLimit": "removes_at_limit",
}


@json_api("GET", "POST")
def collection(request: HttpRequest) -> HttpResponse:
    """GET `?sort=&page=&pageSize=`; POST `{name, key?, owner?, note?, expiresAt?, monthlyRequests?,
    monthlyTokens?, removesAtLimit?, reason?}`; the key is shown once."""
    upstream = upstream_of(request)
    if request.method == "GET":
        keys_shown, total = _shown(request, upstream)
        return JsonResponse(
            {"data": {"keys": [_summary(key) for key in keys_shown], "total": total}}
        )
    known = ("name", "key", "owner", "note", "reason", *_TERMS)
    user, body = caller(request), body_of(request, known)
    made = keys.create(
        upstream,
        user,
        owner=owner_of(body, user),
        name=text_of(body, "name", longest=100, required=True),
        terms=_terms(body, Terms()),
        note=text_of(body, "note", longest=LONGEST_NOTE),
        key=body.get("key") or "",
        reason=text_of(body, "reason"),
    )
    return _made(made)


def _made(made: MadeKey) -> HttpResponse:
    return outcome(
        made.intent, {"id": made.row.pk, "key": made.key, "name": made.row.name}, status=201
    )


def _shown(request: HttpRequest, upstream: Upstream) -> tuple[list[ShownKey], int]:
    try:
        listed = listed_digests(client_for(upstream))
        note_listed(upstream, listed)
    except UpstreamError:
        listed = None
    rows, total = page_of(request, visible_rows(caller(request), upstream), columns_of(upstream))
    return shown_keys(rows, listed), total


@json_api("GET", "PATCH", "DELETE")
def one(request: HttpRequest, key_id: int) -> HttpResponse:
    """GET one; PATCH `{name?, owner?, note?, ...terms}`, which also adopts a key that was only
    seen, or `{disabled}` alone; DELETE revokes it at once."""
    row = _wanted(request, key_id)
    if request.method == "GET":
        return JsonResponse({"data": _summary(shown_keys([row], None)[0])})
    if request.method == "DELETE":
        return outcome(keys.revoke(row, caller(request), request.GET.get("reason", "")))
    user = caller(request)
    body = body_of(request, ("name", "owner", "note", "disabled", *_TERMS))
    if "disabled" in body:
        return _switched(row, user, body)
    owner = owner_of(body, user) if "owner" in body else row.owner
    change = keys.adopt if row.state == ClientKey.State.SEEN else keys.edit
    change(
        row,
        user,
        owner=owner,
        name=text_of(body, "name", longest=100) if "name" in body else row.name,
        terms=_terms(body, Terms.of(row)),
        note=text_of(body, "note", longest=LONGEST_NOTE) if "note" in body else None,
    )
    row.refresh_from_db()
    return JsonResponse({"success": True, "data": _summary(shown_keys([row], None)[0])})


def _switched(row: ClientKey, user: User, body: dict[str, Any]) -> HttpResponse:
    if len(body) > 1 or not isinstance(body["disabled"], bool):
        raise ChangeRefused("expected true or false, and no other field beside it", "disabled")
    return outcome(keys.switch(row, user, disabled=body["disabled"]))


@json_api("POST")
def rotate(request: HttpRequest, key_id: int) -> HttpResponse:
    """POST `{overlapHours?, reason?}`: a new key, shown once; the old one ends after the overlap
    (24 hours by default)."""
    body = body_of(request, ("overlapHours", "reason"))
    hours = body.get("overlapHours", 24)
    if isinstance(hours, bool) or not isinstance(hours, int | float) or not 0 <= hours <= 720:
        raise ChangeRefused("expected a number between 0 and 720", "overlapHours")
    return _made(
        keys.rotate(
            _wanted(request, key_id),
            caller(request),
            timedelta(hours=hours),
            text_of(body, "reason"),
        )
    )


def _wanted(request: HttpRequest, key_id: int) -> ClientKey:
    rows = visible_rows(caller(request), upstream_of(request))
    row = next((row for row in rows if row.pk == key_id), None)
    if row is None:
        raise ChangeRefused("there is no such key, or it is not yours", "", "KEY_NOT_FOUND")
    return row


def _terms(body: dict[str, Any], present: Terms) -> Terms:
    """The terms with those that the body sets. Raises ChangeRefused naming the body's field."""
    given = {field: _value(name, body[name]) for name, field in _TERMS.items() if name in body}
    try:
        terms = Terms(**{**present.fields, **given})
        if given:
            terms.check()
    except ChangeRefused as refusal:
        names = {field: name for name, field in _TERMS.items()}
        raise ChangeRefused(
            refusal.message, names.get(refusal.field, refusal.field), refusal.code
        ) from refusal
    return terms


def _value(name: str, value: Any) -> Any:
    if name == "removesAtLimit":
        if not isinstance(value, bool):
            raise ChangeRefused("expected true or false", name)
        return value
    if value is None:
        return None
    return _instant(name, value) if name == "expiresAt" else _number(name, value)


def _number(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ChangeRefused("expected a whole number, or null", name)
    return value


def _instant(name: str, value: Any) -> datetime:
    try:
        instant = parse_datetime(value) if isinstance(value, str) else None
    except ValueError:
        instant = None
    if instant is None:
        raise ChangeRefused("expected an instant like 2027-01-31T12:00:00Z, or null", name)
    return instant if timezone.is_aware(instant) else timezone.make_aware(instant)


def _summary(key: ShownKey) -> dict[str, Any]:
    row = key.row
    return {
        "id": row.pk,
        "name": row.name,
        "note": row.note or None,
        "maskedKey": f"…{row.last_four}",
        "state": row.state,
        "standing": key.standing.word,
        "ownerUsername": row.owner.get_username() if row.owner else None,
        "ownerUserId": row.owner_id,
        "listed": key.is_listed,
        "expiresAt": row.expires_at,
        "monthlyRequests": row.monthly_requests,
        "monthlyTokens": row.monthly_tokens,
        "removesAtLimit": row.removes_at_limit,
        "requestsThisMonth": key.used.requests,
        "tokensThisMonth": key.used.tokens,
        "lastUsedAt": key.used.last_used_at,
        "firstSeenAt": row.first_seen_at,
        "revokedAt": row.revoked_at,
        "replaces": row.replaces_id,
    }
