"""Results of queries about usage, cached for seconds and read once.

    query --in the cache?--> yes: that result
           |  no
           +--in flight in this process?--> yes: wait for that one
                |  no
                +--in the cache by now?--> yes: that result
                     |  no
                     +--> read the database, cache the result

Invariants
* A result is cached under the query, whose usage may be seen, and the data version: the number of
  the newest event. Data that are committed after the read began belong to another version, unless
  their event number was already drawn; then, and for what has no event (a key gets an owner, a
  rollup is rebuilt), the result is cached for HISTORY_CACHE_SECONDS at most.
* Versions of Tollgate that share a cache while a release is rolled out share no results whose
  layout differs (`_LAYOUT`).
* A result is in English, whatever the language of the page that wanted it first.
* A request for a fresh result gets neither a cached one nor that of a read in flight, nor cached
  days (usage/history/past/kept.py); its own is cached.
* A cache that cannot be reached is no cache: the database is read. Several processes read the same
  once each, at most.
"""

import hashlib
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Any, Generic, TypeVar

import msgspec
from django.conf import settings
from django.utils import translation

from monitoring.logs.account import waiting
from monitoring.planned_statements import rows
from usage.history.measurement import Measurement, measured
from usage.history.past.cache import keep, known
from usage.history.past.kept import reading_anew
from usage.history.replica import read
from usage.history.scope import Scope

T = TypeVar("T")
# Raised with every change of what is cached: of a class in a result, which a test notices, or of
# what a name is of.
_LAYOUT = 4
_flights: dict[str, "Future[Result[Any]]"] = {}
_flights_lock = Lock()


@dataclass(frozen=True)
class Result(Generic[T]):
    """What was read, and the instant up to which it is complete."""

    value: T
    as_of: datetime

    @property
    def version(self) -> str:
        """What identifies the value, whenever it was read."""
        encoded = msgspec.msgpack.encode(self.value, enc_hook=repr)
        return hashlib.sha256(encoded).hexdigest()


def cached(
    name: str, query: object, scope: Scope, compute: Callable[[], T], *, fresh: bool = False
) -> Result[T]:
    """The result of a query of this name, whose `repr` identifies it; `compute` reads it, maybe
    from the replica, unless it is cached. With `fresh` it is always read."""

    def read_and_keep() -> Result[T]:
        with translation.override(settings.LANGUAGE_CODE), reading_anew(wanted=fresh):
            value, where = read(compute)
        result = Result(value, where.as_of)
        _keep(key, result)
        return result

    with measured(name) as measurement:
        key = _key(name, query, scope)
        if fresh:
            measurement.cache = "fresh"
            return read_and_keep()
        known: Result[T] | None = _kept(key)
        if known:
            measurement.cache = "hit"
            return known
        # One that was in flight during the look may have ended since.
        return _once(key, lambda: _kept(key) or read_and_keep(), measurement)


def data_version() -> int:
    """A number that grows with every stored event."""
    return int(
        rows(
            "/* usage.history.result_cache */ SELECT last_value + is_called::int FROM"
            " usage_event_id_seq",
            [],
        )[0][0]
    )


def _key(name: str, query: object, scope: Scope) -> str:
    seen_by = "everything" if scope.sees_everything else scope.owner_id
    text = repr((_LAYOUT, name, query, seen_by, data_version()))
    return f"usage:{hashlib.sha256(text.encode()).hexdigest()}"


def _once(key: str, compute: Callable[[], Result[T]], measurement: Measurement) -> Result[T]:
    with _flights_lock:
        flight = _flights.get(key)
        if is_first := flight is None:
            flight = _flights[key] = Future()
    if not is_first:
        measurement.cache = "joined"
        with waiting("cache"):
            return flight.result()
    measurement.cache = "miss"
    try:
        result = compute()
    except BaseException as error:
        flight.set_exception(error)
        raise
    else:
        flight.set_result(result)
        return result
    finally:
        with _flights_lock:
            del _flights[key]


def _kept(key: str) -> Any:
    return known(key)


def _keep(key: str, result: Result[Any]) -> None:
    keep(key, result, settings.HISTORY_CACHE_SECONDS)
