"""Instants in JSON."""

from datetime import datetime


def iso(instant: datetime, timespec: str = "milliseconds") -> str:
    """ISO 8601 with the instant's own offset, `Z` for UTC; `timespec` is that of `isoformat`."""
    return instant.isoformat(timespec=timespec).replace("+00:00", "Z")


def iso_with_offset(instant: datetime | None) -> str | None:
    """ISO 8601 with microseconds and a numeric offset, as runs and the collection status have it;
    None for no instant."""
    return instant.isoformat() if instant else None
