"""Dead letters after the fact: shown with secrets masked, replayed after a fix, or discarded with a
reason.

A replay goes through the ingest, so what it stores is in the rollups and can never be stored twice:
the event's identity forbids it, whether another replay runs at the same time or the event came
again by itself. The letter is locked until its state says what became of it. One that still cannot
be stored stays pending, under the reason of today.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from monitoring.audit import trail
from monitoring.encryption import UndecryptableError, decrypt
from monitoring.masking import MASK, masked_text
from monitoring.texts.recorded import Recorded
from usage.ingest.attribution import Attribution
from usage.ingest.page_parser import Entry, Reject, parse_element
from usage.ingest.store import PAYLOAD_BYTES, store
from usage.ingest.stored_text import storable_text
from usage.models import DeadLetter, UsageEvent

State = DeadLetter.State
SHOWN_CHARACTERS = 64 * 1024
_DEAD_LETTERS = Recorded(_("dead letters"))

# Fields of an event that are secrets as a whole (contract 2.4, 2.11), in text that need not be
# valid JSON.
_SECRET_FIELD = re.compile(
    r'("(?:api_key|source|access_token_sha256|client_ip|x_forwarded_for)"\s*:\s*")((?:[^"\\]|\\.)*)("?)'
)
_COOKIES = re.compile(r'("(?:set-)?cookie"\s*:\s*)\[[^\]]*\]?', re.IGNORECASE)


@dataclass(frozen=True)
class Replayed:
    """What became of the letters that were replayed: stored now, there already, or still dead."""

    stored: int = 0
    known: int = 0
    still_dead: int = 0

    def __add__(self, other: "Replayed") -> "Replayed":
        return Replayed(
            self.stored + other.stored, self.known + other.known, self.still_dead + other.still_dead
        )

    def __str__(self) -> str:
        return (
            f"{self.stored} stored, {self.known} there already, {self.still_dead} still cannot be"
            " stored"
        )


def shown(letter: DeadLetter) -> str:
    """The payload as text, cut to 64 KiB, without keys, accounts, cookies and addresses."""
    try:
        raw = decrypt(bytes(letter.payload_encrypted))
    except UndecryptableError:
        return (
            "(cannot be decrypted: put the secret that wrote it back at the end of ENCRYPTION_KEYS)"
        )
    text = raw[: 2 * SHOWN_CHARACTERS].decode("utf-8", "backslashreplace")
    text = _SECRET_FIELD.sub(lambda found: f"{found[1]}{MASK if found[2] else ''}{found[3]}", text)
    return masked_text(_COOKIES.sub(rf"\1[{MASK}]", text), SHOWN_CHARACTERS)


def replay(letters: Iterable[DeadLetter], actor: trail.Actor = None) -> Replayed:
    """Try to store each pending letter again. Raises django.db.Error if the database is gone."""
    total = Replayed()
    attributions: dict[int, Attribution] = {}
    for letter in letters:
        attribution = attributions.setdefault(letter.upstream_id, Attribution(letter.upstream))
        total += _replay_one(letter.pk, attribution, _name_of(actor))
    if total != Replayed():
        detail = {"stored": total.stored, "known": total.known, "still_dead": total.still_dead}
        trail.record(
            actor,
            "dead_letters.replayed",
            _DEAD_LETTERS(),
            outcome=trail.Outcome.SUCCEEDED,
            detail=detail,
        )
    return total


def discard(letters: Iterable[DeadLetter], reason: str, actor: trail.Actor = None) -> int:
    """Give up pending letters for a reason, which must not be empty; how many."""
    if not (reason := reason.strip()):
        raise ValueError("a reason is required")
    pending = DeadLetter.objects.filter(
        pk__in=[letter.pk for letter in letters], state=State.PENDING
    )
    said = storable_text(f"discarded by {_name_of(actor)}: {reason}", 300)
    count = pending.update(state=State.DISCARDED, resolved_at=timezone.now(), resolution=said)
    if count:
        trail.record(
            actor,
            "dead_letters.discarded",
            _DEAD_LETTERS(),
            outcome=trail.Outcome.SUCCEEDED,
            detail={"count": count, "reason": reason},
        )
    return count


def _name_of(actor: trail.Actor) -> str:
    return actor.get_username() if actor and actor.pk else "a command"


def _replay_one(letter_id: int, attribution: Attribution, by: str) -> Replayed:
    with transaction.atomic():
        letter = DeadLetter.objects.select_for_update().select_related("upstream").get(pk=letter_id)
        if letter.state != State.PENDING:
            return Replayed()
        parsed = _parse(letter)
        if isinstance(parsed, Reject):
            letter.reason, letter.detail = parsed.reason, storable_text(parsed.detail, 300)
            letter.save(update_fields=["reason", "detail"])
            return Replayed(still_dead=1)
        stored = store([parsed], [], letter.batch, letter.upstream, attribution).stored
        if not UsageEvent.objects.filter(digest=parsed.digest, timestamp=parsed.timestamp).exists():
            return Replayed(still_dead=1)  # the database refuses it as before
        letter.state, letter.resolved_at, letter.resolution = (
            State.REPLAYED,
            timezone.now(),
            storable_text(f"replayed by {by}", 300),
        )
        letter.save(update_fields=["state", "resolved_at", "resolution"])
        return Replayed(stored=stored, known=1 - stored)


def _parse(letter: DeadLetter) -> Entry | Reject:
    try:
        raw = decrypt(bytes(letter.payload_encrypted))
    except UndecryptableError:
        return Reject(
            letter.position,
            b"",
            DeadLetter.Reason(letter.reason),
            "its payload cannot be decrypted: no encryption key fits it",
        )
    if letter.payload_bytes > PAYLOAD_BYTES:
        return Reject(
            letter.position,
            raw,
            DeadLetter.Reason(letter.reason),
            f"only {PAYLOAD_BYTES} of its {letter.payload_bytes} bytes were kept",
        )
    return parse_element(raw, letter.position, letter.upstream_id, timezone.now())
