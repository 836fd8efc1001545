"""The settings of a server that neither logs nor counts, to compare with."""

from contextlib import nullcontext
from typing import Any

from prometheus_client import Counter, Gauge, Histogram

from config.postgresql import base
from config.settings import *  # noqa: F403
from config.settings import LOGGING, MIDDLEWARE
from monitoring.logs import account


def _nothing(*arguments: Any, **named: Any) -> None:
    """Count nothing."""


Counter.inc = Gauge.inc = Gauge.dec = Histogram.observe = _nothing  # type: ignore[method-assign]
account.waiting = lambda phase: nullcontext()  # type: ignore[assignment, return-value]
base._accounted = lambda execute, *statement: execute(*statement)
MIDDLEWARE = [name for name in MIDDLEWARE if not name.endswith("RequestAccountMiddleware")]
LOGGING = {**LOGGING, "root": {"handlers": ["stderr"], "level": "CRITICAL"}}
