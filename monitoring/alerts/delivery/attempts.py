"""Attempts to send: one process each, ended after `ATTEMPT_SECONDS`, and one thread a channel that
waits for it."""

import contextlib
import json
import logging
import os
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection
from django.utils.translation import gettext, override

from monitoring.alerts.delivery.outbox import Claim, Outcome, claim_due, report
from monitoring.encryption import UndecryptableError
from monitoring.failpoints import around
from monitoring.logs import monitoring_kinds as log_kinds
from monitoring.masking import masked_text, without_secrets
from monitoring.models import AlertChannel, AlertMessage

logger = logging.getLogger(__name__)

ATTEMPT_SECONDS = 25.0
MOST_CHANNELS = 24
_LEVELS = {"notice": "info", "warning": "warning", "critical": "failure"}
_INHERITED = ("PATH", "LANG", "LC_ALL", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "TZ")
_PROJECT = Path(__file__).resolve().parent.parent.parent.parent

# One for each channel there may be, so that none waits for another.
_pool = ThreadPoolExecutor(max_workers=MOST_CHANNELS, thread_name_prefix="alert channel")


def deliver_due() -> "list[Future[None]]":
    """Begin to send whatever is due; returns at once. Raises django.db.Error."""
    return [_pool.submit(_in_thread, claim) for claim in claim_due()]


def _in_thread(claim: Claim) -> None:
    try:
        deliver(claim)
    except DatabaseError as error:  # the claim runs out, and the message is sent again
        log_kinds.ALERT_OUTCOME_NOT_STORED.log(
            logger, logging.WARNING, error=str(error).split("\n")[0]
        )
    finally:
        connection.close()


def deliver(claim: Claim) -> Outcome:
    """Send a claimed message and write down how that ended."""
    message = AlertMessage.objects.select_related("channel").get(pk=claim.message_id)
    with around("alert sending"):
        outcome = _attempt(message)
    report(claim, outcome)
    _log(message, claim, outcome)
    return outcome


def _log(message: AlertMessage, claim: Claim, outcome: Outcome) -> None:
    delivered, refused = log_kinds.ALERT_MESSAGE_DELIVERED, log_kinds.ALERT_MESSAGE_REFUSED
    (delivered if outcome.accepted else refused).log(
        logger,
        logging.INFO if outcome.accepted else logging.WARNING,
        alert_message=str(message.pk),
        channel=message.channel_name,
        kind=str(message.kind),
        attempts=claim.attempts,
        outcome=outcome.response,
    )


def _attempt(message: AlertMessage) -> Outcome:
    if message.channel is None:
        return Outcome(False, "the channel was deleted")
    try:
        return send(parcel_of(message, message.channel), message.channel)
    except UndecryptableError as error:
        return Outcome(False, f"the channel's address cannot be read: {error}")


def parcel_of(message: AlertMessage, channel: AlertChannel) -> dict[str, Any]:
    """All that the sender needs; holds secrets. Raises UndecryptableError."""
    return {
        "id": str(message.pk),
        "kind": channel.kind,
        "address": channel.address,
        "secret": channel.secret,
        "title": message.title,
        "text": _text(message, channel),
        "level": "success" if message.kind == "resolved" else _LEVELS[message.severity],
        "content": {
            "id": str(message.pk),
            "isRepeat": message.may_repeat,
            "title": message.title,
            "text": message.text,
            "createdAt": message.created_at.isoformat(timespec="seconds"),
            **message.content,
        },
        "networks": list(settings.PRIVATE_PROVIDER_NETWORKS),
    }


def _text(message: AlertMessage, channel: AlertChannel) -> str:
    """What people read, in the language of the message itself."""
    with override(channel.written_in):
        lines = [message.text, gettext("Id: %(id)s") % {"id": message.pk}]
        if message.may_repeat:
            lines.insert(0, gettext("Possibly a repeat: an earlier attempt may have arrived."))
    return "\n".join(lines)


def send(parcel: Mapping[str, Any], channel: AlertChannel) -> Outcome:
    """Run the sender; what the other side said, without our secrets."""
    outcome = _run(json.dumps(parcel))
    known = (parcel["address"], parcel["secret"])
    response = masked_text(without_secrets(outcome.response, *known))
    return Outcome(outcome.accepted, response, outcome.is_uncertain)


def _run(parcel: str) -> Outcome:
    environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    command = [sys.executable, "-m", "monitoring.alerts.delivery.sender"]
    try:
        done = subprocess.run(  # noqa: S603
            command,
            input=parcel,
            capture_output=True,
            text=True,
            timeout=ATTEMPT_SECONDS,
            cwd=_PROJECT,
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Outcome(False, f"no response within {ATTEMPT_SECONDS:.0f} s", is_uncertain=True)
    except OSError as error:
        return Outcome(False, f"the sender cannot be started: {error.strerror}")
    with contextlib.suppress(ValueError, TypeError):
        return Outcome(**json.loads(done.stdout))
    return Outcome(False, f"the sender ended with {done.returncode}", is_uncertain=True)
