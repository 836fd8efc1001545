"""Logins that were started through the proxy belong to the session, or the token, that started
them.

The upstream names a login by its state alone and lets every holder of the management key poll,
finish or cancel it. So the state is stored when the upstream returns it, as a hash, with the
session or token that started the login; a later call with a state that is not one's own is refused
as if there were none (404), for staff too: who began a login ends it. The pages of provider
accounts keep their logins themselves and reach the upstream without the proxy.

What names the state must not be read in two ways. Of a query every `state` counts; a callback's
body is written anew with the one state that was checked, since it may hold another in the pasted
address, or the same name in another case.
"""

import hashlib
import json
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
from django.contrib.auth.models import User
from django.utils import timezone

from management_proxy.models import ProxiedLogin, Upstream

# The upstream forgets a login after half an hour, and a finished one a minute later (contract 7.1).
LIFETIME = timedelta(minutes=32)
_CALLBACK_MEMBERS = ("provider", "redirect_url", "code", "state", "error")


class UnreadableCallback(Exception):
    """The body of a callback holds no single state; the message gives the reason."""


def bind_login(upstream: Upstream, user: User, binding: str, response: bytes) -> None:
    """Bind the login that the upstream started; a response without a state started none."""
    state = _state_of_start(response)
    if not state:
        return
    ProxiedLogin.objects.filter(started_at__lt=timezone.now() - 2 * LIFETIME).delete()
    fields = {"user": user, "bound_to": _digest(binding), "started_at": timezone.now()}
    ProxiedLogin.objects.update_or_create(upstream=upstream, state=_digest(state), defaults=fields)


def owns_login(upstream: Upstream, binding: str, states: set[str]) -> bool:
    """Whether every one of the states is a live login that this session or token started; False of
    none."""
    digests = {_digest(state) for state in states}
    own = ProxiedLogin.objects.filter(
        upstream=upstream,
        bound_to=_digest(binding),
        state__in=digests,
        started_at__gt=timezone.now() - LIFETIME,
    )
    return bool(digests) and own.count() == len(digests)


def read_callback(body: bytes) -> tuple[str, bytes]:
    """The state of a callback's body, and the body in which nothing else can be taken for it.
    Raises UnreadableCallback."""
    members = _members(body)
    state = members["state"].strip() or _state_of_address(members["redirect_url"])
    if not state:
        raise UnreadableCallback("neither the body nor the pasted address holds a state")
    kept = {name: value for name, value in members.items() if value} | {"state": state}
    return state, json.dumps(kept).encode()


def _members(body: bytes) -> dict[str, str]:
    try:
        pairs = json.loads(body, object_pairs_hook=tuple)
    except (ValueError, RecursionError) as error:
        raise UnreadableCallback("it is no JSON") from error
    members = dict.fromkeys(_CALLBACK_MEMBERS, "")
    seen: set[str] = set()
    for name, value in pairs if isinstance(pairs, tuple) else (("", ""),):
        # Folded as the upstream does, which takes names in any case, and the last of several.
        folded = str(name).casefold()
        if folded not in members or folded in seen or not isinstance(value, str):
            raise UnreadableCallback(
                f"expected an object of texts, each once, named {', '.join(_CALLBACK_MEMBERS)}"
            )
        seen.add(folded)
        members[folded] = value
    return members


def _state_of_address(address: str) -> str:
    try:
        states = parse_qs(urlsplit(address.strip()).query).get("state", [])
    except ValueError as error:
        raise UnreadableCallback("the pasted address cannot be read") from error
    return states[0].strip() if len(states) == 1 else ""


def _state_of_start(response: bytes) -> str:
    try:
        members: Any = msgspec.json.decode(response)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    state = members.get("state") if isinstance(members, dict) else ""
    return state if isinstance(state, str) else ""


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
