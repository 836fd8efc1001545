"""What the client counts of its calls, in collectors as well (monitoring/metrics/shared.py)."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from management_proxy.client.errors import StillWaiting, UpstreamError
from monitoring.metrics.shared import SharedHistogram

CALLS = SharedHistogram(
    "management_proxy_client_call_seconds",
    "Calls to upstreams that Tollgate makes by itself, by how they ended: responded, or an error.",
    ["ending"],
    (0.005, 0.025, 0.1, 0.5, 1, 5, 30),
)


@contextmanager
def counted() -> Iterator[None]:
    """Count the call of the block."""
    started, ending = time.monotonic(), "responded"
    try:
        yield
    except (UpstreamError, StillWaiting) as error:
        ending = type(error).__name__
        raise
    finally:
        CALLS.observe(ending, value=time.monotonic() - started)
