"""How fresh a result is, and who may want one that is not cached."""

from datetime import datetime

from django.http import HttpRequest

from usage.collector.status import slowest_collected_at


def wants_fresh(request: HttpRequest) -> bool:
    """Whether the caller wants no cached result, and may want that: staff who send
    `Cache-Control: no-cache`."""
    is_staff = bool(getattr(request.user, "is_staff", False))
    return is_staff and "no-cache" in request.headers.get("Cache-Control", "")


def lag_seconds(as_of: datetime) -> float | None:
    """How long before an instant the queue was last read with success; None if never."""
    collected = slowest_collected_at()
    return round(max((as_of - collected).total_seconds(), 0), 1) if collected else None
