"""Why a try brought no text: what Tollgate or the upstream itself decided in words of its own, and
what a provider decided in the guidance of its failure class (usage/failures)."""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from management_proxy.client.errors import (
    Blocked,
    NotReached,
    ResponseTimeout,
    UpstreamError,
)
from management_proxy.client_api.requests import Reply, error_text
from providers.models import ClientKey
from usage.failures.guidance import Guidance, guidance_of
from usage.failures.rules import classify

Text = str | Promise
State = ClientKey.State


@dataclass(frozen=True)
class Reason:
    """Why: a code for the audit trail, the cause, the step that ends it, and the guidance of the
    failure class where it is one; for how many seconds it lasts where that is known."""

    code: str
    meaning: Text
    action: Text
    guidance: Guidance | None = None
    seconds: int | None = None


NO_SLOT = Reason(
    "busy",
    _("Tollgate has as many calls to this upstream in flight as it allows itself."),
    _("Wait a moment and try again."),
)
_UNLISTED: Mapping[str, Reason] = {
    State.WITHHELD: Reason(
        "key_withheld",
        _("A budget withholds this key: it is removed upstream until the budget allows it."),
        _("See the budget; staff can give the key back or grant an exception."),
    ),
    State.REQUESTED: Reason(
        "key_pending",
        _("The key was requested, and the upstream does not list it yet."),
        _("Wait until its change is verified."),
    ),
    State.REVOKED: Reason(
        "key_revoked", _("The key was revoked."), _("Create another one under Client keys.")
    ),
}
_LOST = Reason(
    "key_unknown",
    _("The upstream does not list this key."),
    _("Another program removed it, or it reached a limit. Create or rotate it under Client keys."),
)
_KEY_REFUSED = Reason(
    "key_refused",
    _("The upstream refused the key, though it lists it."),
    _("If it was changed a moment ago, try again when the upstream has reloaded."),
)
_SAFE_MODE = Reason(
    "safe_mode",
    _("The upstream serves no client while its configuration has example keys."),
    _("Remove the example keys under Client keys."),
)
_NO_ROUTE = Reason(
    "no_route",
    _("There is no such route at the server of the management URL."),
    _(
        "A reverse proxy may pass the management API alone. Clients can still work with the public"
        " address; try it with curl."
    ),
)
_UNREACHABLE = Reason(
    "unreachable",
    _("Tollgate cannot reach the upstream."),
    _("Check that it runs, and the management URL; the doctor reports more."),
)
_BLOCKED = Reason(
    "blocked",
    _("Tollgate may not use the upstream's management API, from which it reads the key."),
    _("The doctor reports why, and the step that ends it."),
)
_TIMEOUT = Reason(
    "timeout",
    _("No complete response came in time."),
    _("The provider may be slow or hang. Try another model, or look at Failures."),
)
_UNCLEAR = Reason(
    "invalid_response",
    _("The response was cut off, or was not what the protocol promises."),
    _("Try another protocol; what lies between Tollgate and the upstream may alter responses."),
)


def unlisted(state: str) -> Reason:
    """Why a key of this state is not listed upstream."""
    return _UNLISTED.get(state, _LOST)


def of_error(error: UpstreamError) -> Reason:
    """The reason of an exchange that did not end with a complete response."""
    kinds = ((Blocked, _BLOCKED), (NotReached, _UNREACHABLE), (ResponseTimeout, _TIMEOUT))
    return next((reason for kind, reason in kinds if isinstance(error, kind)), _UNCLEAR)


def of_reply(reply: Reply) -> tuple[Reason, str]:
    """The reason of a complete response that is no success, and its wording."""
    wording, is_own = error_text(reply.body)
    own = {401: _KEY_REFUSED, 403: _SAFE_MODE} if is_own else {}
    if reply.status == 404 and not wording:
        own = {404: _NO_ROUTE}
    return own.get(reply.status) or _of_class(reply), wording


def _of_class(reply: Reply) -> Reason:
    body = reply.body.decode("utf-8", "replace")
    guidance = guidance_of(classify(True, reply.status, body, ttft_ms=1))
    return Reason(
        guidance.failure_class.value,
        guidance.meaning,
        guidance.action,
        guidance,
        _cooldown_seconds(reply.body),
    )


def _cooldown_seconds(body: bytes) -> int | None:
    """For how long the credentials of the model rest, where the upstream states it."""
    try:
        seconds = msgspec.json.decode(body)["error"]["reset_seconds"]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError, TypeError):
        return None
    return seconds if isinstance(seconds, int) and 0 <= seconds < 10**8 else None
