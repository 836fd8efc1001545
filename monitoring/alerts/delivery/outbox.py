"""The outbox: messages from the transaction that decides them to the channels.

    waiting --claim--> sending --accepted--> delivered
       ^                  |  '--refused, or no response--> waiting (later each time)
       '--claim ran out---'                '--a day has passed--> undelivered

Invariants
* A message is committed with the state that it reports, one for each channel.
* Each channel is sent one message at a time, the oldest first: a recovery never overtakes its
  alert. A channel that hangs or refuses delays no other.
* The id of a message never changes. An attempt that may have been accepted without our knowing
  (we died, or no response came in time) marks the next one as a possible repeat.

Failure rules
* A claim outlives the longest attempt; if its holder dies, the message is sent again when the
  claim has run out.
* A late report of an old claim changes nothing (`attempts` names the claim).
* What no attempt of a day could deliver is `undelivered`, with the last response.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.db import connection
from django.utils.translation import override

from monitoring.alerts import messages
from monitoring.models import Alert, AlertChannel, AlertMessage, AlertRule, Severity

State = AlertMessage.State
CLAIM_SECONDS = 60.0
FIRST_RETRY_SECONDS = 15.0
LONGEST_RETRY_SECONDS = 900.0
GIVEN_UP_AFTER = timedelta(days=1)

_CLAIM = """
/* monitoring.alerts.outbox.claim */
UPDATE monitoring_alertmessage AS message SET
    state = 'sending', attempts = attempts + 1,
    claimed_until = clock_timestamp() + make_interval(secs => %(claim)s),
    may_repeat = may_repeat OR state = 'sending'
WHERE id IN (
    SELECT DISTINCT ON (channel_id) id FROM monitoring_alertmessage
    WHERE state IN ('waiting', 'sending') AND channel_id IS NOT NULL
    ORDER BY channel_id, created_at, id
)
AND (
    (state = 'waiting' AND due_at <= clock_timestamp())
    OR (state = 'sending' AND claimed_until <= clock_timestamp())
)
RETURNING id, attempts
"""
_REPORT = """
/* monitoring.alerts.outbox.report */
UPDATE monitoring_alertmessage SET
    state = CASE WHEN %(accepted)s THEN 'delivered'
        WHEN created_at <= clock_timestamp() - make_interval(secs => %(given_up_after)s)
        THEN 'undelivered'
        ELSE 'waiting' END,
    delivered_at = CASE WHEN %(accepted)s THEN clock_timestamp() END,
    due_at = clock_timestamp() + make_interval(secs => %(wait)s),
    claimed_until = NULL, response = %(response)s, may_repeat = may_repeat OR %(uncertain)s
WHERE id = %(id)s AND attempts = %(attempts)s AND state = 'sending'
"""


@dataclass(frozen=True)
class Claim:
    """The right to send a message once."""

    message_id: UUID
    attempts: int


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended; `is_uncertain` if the other side may have accepted it all the same."""

    accepted: bool
    response: str
    is_uncertain: bool = False


def enqueue(kind: str, rule: AlertRule, alerts: Sequence[Alert], now: datetime) -> None:
    """Add one message about these alerts for each channel of the rule, in the channel's language;
    in the caller's transaction."""
    for channel in channels_of(rule):
        with override(channel.written_in):
            written = {
                "title": messages.title(kind, rule, alerts),
                "text": messages.text(kind, rule, alerts),
                "content": messages.content(kind, rule, alerts),
            }
        message = AlertMessage.objects.create(
            id=uuid4(),
            channel=channel,
            channel_name=channel.name,
            kind=kind,
            severity=rule.severity,
            created_at=now,
            due_at=now,
            **written,
        )
        message.alerts.set(alerts)


def channels_of(rule: AlertRule) -> list[AlertChannel]:
    """The enabled channels that take messages of the rule: the chosen ones, else all."""
    chosen = list(rule.channels.all()) or list(AlertChannel.objects.all())
    rank = Severity(rule.severity).rank
    return [c for c in chosen if c.is_enabled and Severity(c.least_severity).rank <= rank]


def claim_due() -> list[Claim]:
    """Claim the oldest message of every channel, if it is due."""
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"claim": CLAIM_SECONDS})
        return [Claim(*row) for row in cursor.fetchall()]


def report(claim: Claim, outcome: Outcome) -> bool:
    """Write down how an attempt ended; False if the claim is no longer ours."""
    wait = min(FIRST_RETRY_SECONDS * 2.0 ** min(claim.attempts - 1, 12), LONGEST_RETRY_SECONDS)
    with connection.cursor() as cursor:
        cursor.execute(
            _REPORT,
            {
                "id": claim.message_id,
                "attempts": claim.attempts,
                "accepted": outcome.accepted,
                "uncertain": outcome.is_uncertain,
                "response": outcome.response[:500],
                "wait": wait,
                "given_up_after": GIVEN_UP_AFTER.total_seconds(),
            },
        )
        stored: bool = cursor.rowcount == 1
        return stored


def abandon(channel: AlertChannel, reason: str) -> None:
    """Give up what still waits for a channel that is switched off or about to go."""
    AlertMessage.objects.filter(channel=channel, state__in=(State.WAITING, State.SENDING)).update(
        state=State.UNDELIVERED, claimed_until=None, response=reason[:500]
    )
