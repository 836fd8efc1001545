"""Everything that is known of one event, and the other attempts at the same client request."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from usage.events.fields import JOINS, fields_for, select_list
from usage.events.pages import page_of_events
from usage.events.query import EventQuery
from usage.history.dimensions import Filters
from usage.history.scope import Scope
from usage.ingest.store import REQUEST_WINDOW

_REPORTED = {
    "reportedInputTokens": "e.reported_input_tokens",
    "reportedOutputTokens": "e.reported_output_tokens",
    "reportedReasoningTokens": "e.reported_reasoning_tokens",
    "reportedCachedTokens": "e.reported_cached_tokens",
    "reportedCacheReadTokens": "e.reported_cache_read_tokens",
    "reportedCacheCreationTokens": "e.reported_cache_creation_tokens",
    "reportedTotalTokens": "e.reported_total_tokens",
    "failBody": "e.fail_body",
}
# What shows the account that served the request, and of its token, is for administrators.
_EVERYBODYS_DETAILS = (
    "client_ip",
    "x_forwarded_for",
    "user_agent",
    "response_service_tier",
    "generate",
)
_MOST_ATTEMPTS = 50


@dataclass(frozen=True)
class EventDetails:
    """The public fields of an event with what was reported of it, and the attempts that belong
    together, newest first."""

    fields: dict[str, Any]
    attempts: list[dict[str, Any]]


def find_event(event_id: int, scope: Scope) -> EventDetails | None:
    """The event with this id; None if there is none that the scope may see."""
    with connection.cursor() as db:
        db.execute(
            f"""
            /* usage.events.details */
            SELECT e."timestamp", e.details, {select_list({**fields_for(scope), **_REPORTED})}
            FROM usage_event AS e {JOINS} WHERE e.id = %(id)s AND {scope.over("e")}""",
            {"id": event_id, "owner": scope.owner_id},
        )
        found = db.fetchone()
        if found is None:
            return None
        at, details, *values = found
        fields = dict(
            zip([column.name for column in db.description or ()][2:], values, strict=True)
        )
    fields["details"] = _visible(details, scope)
    return EventDetails(fields, _attempts(fields, at, scope))


def _visible(details: str | dict[str, Any] | None, scope: Scope) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(details) if isinstance(details, str) else details or {}
    return (
        found
        if scope.sees_everything
        else {name: found[name] for name in _EVERYBODYS_DETAILS if name in found}
    )


def _attempts(event: dict[str, Any], at: datetime, scope: Scope) -> list[dict[str, Any]]:
    """Attempts with the same request id, upstream, endpoint and client key within an hour, as the
    id alone says little (contract 2.6)."""
    if not event["requestId"]:
        return []
    query = EventQuery(
        at - REQUEST_WINDOW, at + REQUEST_WINDOW, scope, Filters(), event["requestId"]
    )
    rows = page_of_events(query, None, _MOST_ATTEMPTS).rows
    return [
        row
        for row in rows
        if all(row[name] == event[name] for name in ("upstream", "endpoint", "keyId"))
    ]
