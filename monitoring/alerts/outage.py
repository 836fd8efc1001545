"""What is said when the database is out of reach, which keeps rules, alerts and outbox.

The process that evaluated last keeps the channels in memory. When the database has not responded
for as long as the rule `database_unreachable` says, that process sends one message to each channel
by itself; its id is made of the outage's beginning. When the database is back, the alert is stored
as one that fires and was announced, and the next evaluations resolve it like any other.

If this process dies as well before it has sent, nothing is sent: the host is gone, and something
outside has to watch `/healthz`. Time is this process's monotonic clock.
"""

import contextlib
import logging
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseError
from django.utils.translation import gettext, override
from django.utils.translation import gettext_lazy as _

from monitoring.alerts.default_rules import shown_name
from monitoring.alerts.delivery.attempts import send
from monitoring.alerts.delivery.outbox import channels_of
from monitoring.encryption import UndecryptableError
from monitoring.logs.monitoring_kinds import OUTAGE_ANNOUNCED
from monitoring.models import Alert, AlertChannel, AlertMessage, AlertRule
from monitoring.web.formats import instant

logger = logging.getLogger(__name__)

CODE = "database_unreachable"
FIX = _("Check DATABASE_URL, that the server runs, and its disk.")
_NAMESPACE = uuid.UUID("5c9f5c0e-3f0b-4a53-9a2b-6b2d3c1d9e42")
_senders = ThreadPoolExecutor(max_workers=8, thread_name_prefix="outage")

Send = Callable[[dict[str, Any], AlertChannel], object]


@dataclass
class OutageWatch:
    """What one process knows of the database's present outage, and whom to notify of it."""

    send: Send = send
    _rule: AlertRule | None = None
    _parcels: list[tuple[AlertChannel, dict[str, Any]]] = field(default_factory=list)
    _since: float | None = None
    _began_at: datetime | None = None
    _announced_at: datetime | None = None

    def learn(self) -> None:
        """Keep rule and channels while the database responds; store an outage that is over. Raises
        django.db.Error."""
        self._rule = AlertRule.objects.filter(code=CODE, is_enabled=True).first()
        self._parcels = _parcels(self._rule) if self._rule else []
        if self._announced_at and self._began_at and self._rule:
            _store(self._rule, self._began_at, self._announced_at)
        self._since = self._began_at = self._announced_at = None

    def note_failure(self, error: DatabaseError) -> None:
        """The database did not respond; announce it once when that has lasted long enough."""
        now = time.monotonic()
        if self._since is None:
            self._since, self._began_at = now, datetime.now(UTC)
        if self._rule is None or self._announced_at or now - self._since < self._rule.threshold:
            return
        self._announced_at = datetime.now(UTC)
        reason = str(error).strip().split("\n")[0]
        for channel, parcel in self._parcels:
            content = self._content(reason, channel.written_in)
            _senders.submit(self._send, channel, {**parcel, **content})

    def _send(self, channel: AlertChannel, parcel: dict[str, Any]) -> None:
        with contextlib.suppress(Exception):
            outcome = self.send(parcel, channel)
            OUTAGE_ANNOUNCED.log(
                logger, logging.WARNING, channel=channel.name, outcome=str(outcome)
            )

    def _content(self, reason: str, language: str) -> dict[str, Any]:
        rule, began = self._rule, self._began_at
        assert rule  # noqa: S101
        assert began  # noqa: S101
        message_id = str(uuid.uuid5(_NAMESPACE, began.isoformat()))
        since = began.isoformat(timespec="seconds")
        with override(language):
            title = _title(rule)
            text = _text(began, reason, message_id)
        content = {
            "id": message_id,
            "isRepeat": False,
            "kind": AlertMessage.Kind.FIRING.value,
            "title": title,
            "text": text,
            "severity": rule.severity,
            "rule": {"name": rule.name, "code": rule.code},
            "alerts": [{"subject": "", "since": since, "detail": reason}],
        }
        return {"id": message_id, "title": title, "text": text, "content": content}


def _title(rule: AlertRule) -> str:
    name = shown_name(rule.code, rule.name)
    about = {"severity": rule.get_severity_display(), "rule": name}
    return gettext("[%(severity)s] %(rule)s") % about


def _text(began: datetime, reason: str, message_id: str) -> str:
    down = gettext("The database has not responded since %(instant)s: %(reason)s")
    section = "docs/runbook.md#alert-database-unreachable"
    return "\n".join(
        (
            down % {"instant": instant(began), "reason": reason},
            gettext("What to do: %(fix)s") % {"fix": FIX},
            gettext("Runbook: %(section)s") % {"section": section},
            gettext("Id: %(id)s") % {"id": message_id},
        )
    )


def _parcels(rule: AlertRule) -> list[tuple[AlertChannel, dict[str, Any]]]:
    found = []
    for channel in channels_of(rule):
        with contextlib.suppress(UndecryptableError):
            parcel = {
                "kind": channel.kind,
                "address": channel.address,
                "secret": channel.secret,
                "level": "failure",
                "networks": list(settings.PRIVATE_PROVIDER_NETWORKS),
            }
            found.append((channel, parcel))
    return found


def _details() -> dict[str, Any]:
    """The detail of the alert, in every language."""
    details = {}
    for language, _name in settings.LANGUAGES:
        with override(language):
            details[language] = gettext("The database did not respond.")
    return {"detail": details[settings.DEFAULT_LANGUAGE], "details": details}


def _store(rule: AlertRule, began_at: datetime, announced_at: datetime) -> None:
    seconds = (datetime.now(UTC) - began_at).total_seconds()
    Alert.objects.get_or_create(
        rule=rule,
        subject="",
        state=Alert.State.FIRING,
        defaults={
            "rule_name": rule.name,
            "severity": rule.severity,
            "value": seconds,
            "worst": seconds,
            **_details(),
            "pending_since": began_at,
            "fired_at": announced_at,
            "breached_at": announced_at,
            "announced_at": announced_at,
        },
    )
