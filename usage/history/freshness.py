"""How fresh a result is, and who may want one that is not cached."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest

from monitoring.api.instants import iso
from usage.collector.status import slowest_collected_at


def asks_afresh(request: HttpRequest) -> bool:
    """Whether the caller wants no cached result, and may want that: staff who send
    `Cache-Control: no-cache`."""
    is_staff = bool(getattr(request.user, "is_staff", False))
    return is_staff and "no-cache" in request.headers.get("Cache-Control", "")


def freshness(as_of: datetime) -> dict[str, Any]:
    """`asOf`, and `lagSeconds`: how long before that the queue was last read with success, null if
    never."""
    collected = slowest_collected_at()
    lag = round(max((as_of - collected).total_seconds(), 0), 1) if collected else None
    return {
        "asOf": iso(as_of),
        "lagSeconds": lag,
    }
