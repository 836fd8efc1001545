"""Trying a client key and a model: one tiny request through the upstream, which costs a few tokens,
and what came of it in words.

Rules
* What is called is the server of the management URL; a user chooses a key that they may see, a
  protocol of the table and a name, never an address.
* Each try is in the audit trail before it is sent. The trail is also what limits them: those of a
  user within a minute are counted after the new one is written, so that no two that come at once
  slip through together. What was refused counts as none.
* The key is read from the upstream, used once and forgotten. Nothing that a provider wrote is kept;
  what is shown of an error is masked and cut short.
* A try holds one of the calls to an upstream that this process may have in flight, for at most the
  time of `TRIAL`.
"""

from dataclasses import dataclass
from datetime import timedelta

from django.contrib.auth.models import User
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from management_proxy.client.errors import Unintelligible, UpstreamError
from management_proxy.client_api.protocols import Protocol
from management_proxy.client_api.requests import Reply, send_tiny
from management_proxy.proxy.limits.bulkhead import Full
from monitoring.audit import trail
from monitoring.masking import masked_text, without_secrets
from monitoring.models import AuditEntry
from providers.models import ClientKey
from usage.connect.reasons import NO_SLOT, Reason, of_error, of_reply, unlisted
from usage.connect.served import slot, text_of

ACTION = "client_key.tried"
MOST_A_MINUTE = 6
LONGEST_SHOWN = 300


@dataclass(frozen=True)
class Trial:
    """What came of one try: the model's text, or the reason why there is none; status 0 if no
    response came, and the seconds that it took."""

    protocol: Protocol
    model: str
    status: int = 0
    seconds: float = 0.0
    text: str = ""
    reason: Reason | None = None
    # The error as the upstream or the provider worded it.
    wording: str = ""


class TooMany(Exception):
    """The user has tried too often; the message is for people."""

    def __init__(self, message: str | Promise = "") -> None:
        super().__init__(message or _("Six tries a minute are allowed. Wait a moment."))


def try_model(row: ClientKey, user: User, protocol: Protocol, model: str) -> Trial:
    """Send one tiny request with a client key that the user may see. Raises TooMany."""
    entry = trail.begin(
        user,
        ACTION,
        row.display_name,
        upstream=row.upstream.name,
        detail={"model": model, "protocol": protocol.slug},
    )
    if _tries(entry) > MOST_A_MINUTE:
        trail.finish(entry, trail.Outcome.REFUSED)
        raise TooMany
    try:
        trial = _attempt(row, protocol, model)
    except Exception:
        trail.finish(entry, trail.Outcome.UNKNOWN)
        raise
    outcome = trail.Outcome.FAILED if trial.reason else trail.Outcome.SUCCEEDED
    reason = trial.reason.code if trial.reason else ""
    trail.finish(entry, outcome, {"status": trial.status, "reason": reason})
    return trial


def _tries(entry: AuditEntry) -> int:
    """How often the user of an entry has tried within a minute, this one included."""
    recent = AuditEntry.objects.filter(
        action=ACTION, actor=entry.actor, at__gt=timezone.now() - timedelta(minutes=1)
    )
    return recent.exclude(outcome=trail.Outcome.REFUSED).count()


def _attempt(row: ClientKey, protocol: Protocol, model: str) -> Trial:
    try:
        with slot(row.upstream):
            if not (key := text_of(row)):
                return Trial(protocol, model, reason=unlisted(row.state))
            reply = send_tiny(row.upstream, key, protocol, model)
    except Full:
        return Trial(protocol, model, reason=NO_SLOT)
    except UpstreamError as error:
        wording = without_secrets(str(error))[:LONGEST_SHOWN]
        return Trial(protocol, model, reason=of_error(error), wording=wording)
    return _judged(reply, protocol, model, key)


def _judged(reply: Reply, protocol: Protocol, model: str, key: str) -> Trial:
    if reply.status != 200:
        reason, wording = of_reply(reply)
        wording = masked_text(without_secrets(wording, key), LONGEST_SHOWN)
        return Trial(protocol, model, reply.status, reply.seconds, "", reason, wording)
    try:
        text = without_secrets(reply.text(protocol), key)[:LONGEST_SHOWN]
    except Unintelligible as error:
        return Trial(protocol, model, reply.status, reply.seconds, "", of_error(error), str(error))
    return Trial(protocol, model, reply.status, reply.seconds, text)
