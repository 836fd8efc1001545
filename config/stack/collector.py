"""The collector as a child of the stack: how it is started, and how soon again after a death."""

import sys

from django.db import Error as DatabaseError
from django.db import connections
from django.db.models import Min

from config.stack.supervisor import LONGEST_BACKOFF_SECONDS, PROJECT, Child
from management_proxy.client.usage import DEFAULT_RETENTION_SECONDS
from management_proxy.models import Upstream

# The lease of a dead collector runs out meanwhile; together they stay well within the retention.
SHARE_OF_RETENTION = 1 / 6


def collector(environment: dict[str, str]) -> Child:
    """The collector's loop, which no death keeps away for longer than events are kept upstream."""
    command = [sys.executable, str(PROJECT / "manage.py"), "collect_usage", "--loop"]
    return Child("collector", command, environment, longest_backoff=longest_backoff)


def longest_backoff() -> float:
    """A sixth of the smallest retention of the upstreams, in seconds; the default retention counts
    where none is known, or the database does not respond."""
    try:
        smallest = Upstream.objects.filter(is_enabled=True).aggregate(at=Min("retention_seconds"))
    except DatabaseError:
        smallest = {"at": None}
    finally:
        connections.close_all()
    retention = smallest["at"] or DEFAULT_RETENTION_SECONDS
    return min(retention * SHARE_OF_RETENTION, LONGEST_BACKOFF_SECONDS)
