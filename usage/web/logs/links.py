"""From an event to the log of its upstream."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from usage.web.logs.forms import REQUEST_ID

# The event bears the instant of the attempt's end; a request with retries began some time before.
BEFORE_EVENT = timedelta(minutes=15)


@dataclass(frozen=True)
class LogLinks:
    """Addresses of the lines and of the log of one request."""

    lines: str
    log: str


def log_links(event: dict[str, Any]) -> LogLinks | None:
    """Those of an event with the members `upstream`, `requestId` and `timestamp`; None if its id is
    none that a log could have."""
    if not re.match(REQUEST_ID, event["requestId"] or ""):
        return None
    request = {"upstream": event["upstream"], "request_id": event["requestId"]}
    begin = datetime.fromisoformat(event["timestamp"]) - BEFORE_EVENT
    after = max(int(begin.timestamp()), 0)
    return LogLinks(
        lines=f"{reverse('logs:page')}?{urlencode(request | {'after': after})}",
        log=f"{reverse('logs:log')}?{urlencode(request)}",
    )
