"""Answers to questions about usage, kept for seconds and asked once.

    ask --in the cache?--> yes: that answer
         |  no
         +--in flight in this process?--> yes: wait for that one
              |  no
              +--> ask the database, keep the answer

Invariants
* An answer is kept under the question, whose usage may be seen, and the data version: the number of
  the newest event. Data that are committed after an answer was begun belong to another version,
  unless their event number was already drawn; then, and for what has no event (a key gets an owner,
  a rollup is rebuilt), the answer is kept for HISTORY_CACHE_SECONDS at most.
* Whoever asks afresh is neither answered from the cache nor by a flight of somebody else, and what
  they are told is kept.
* A cache that cannot be reached is no cache: the database is asked. Several processes ask a
  question once each, at most.
"""

import hashlib
import logging
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Any, Generic, TypeVar

from django.conf import settings
from django.core.cache import cache

from monitoring.rows import rows
from usage.history.replica import read
from usage.history.scope import Scope

logger = logging.getLogger(__name__)

T = TypeVar("T")
_flights: dict[str, "Future[Answer[Any]]"] = {}
_flights_lock = Lock()


@dataclass(frozen=True)
class Answer(Generic[T]):
    """What was told, and the instant up to which it is complete."""

    told: T
    as_of: datetime


def remembered(
    name: str, question: object, scope: Scope, ask: Callable[[], T], *, afresh: bool = False
) -> Answer[T]:
    """The answer to a question of this name, whose `repr` says all about it; `ask` reads it, maybe
    from the replica, if it is not known."""

    def asked() -> Answer[T]:
        told, where = read(ask)
        answer = Answer(told, where.as_of)
        _keep(key, answer)
        return answer

    key = _key(name, question, scope)
    if afresh:
        return asked()
    known: Answer[T] | None = _kept(key)
    return known or _once(key, asked)


def data_version() -> int:
    """A number that grows with every stored event."""
    return int(
        rows(
            "/* usage.history.answer_cache */ SELECT last_value + is_called::int FROM"
            " usage_event_id_seq",
            [],
        )[0][0]
    )


def _key(name: str, question: object, scope: Scope) -> str:
    seen_by = "everything" if scope.sees_everything else scope.owner_id
    text = repr((name, question, seen_by, data_version()))
    return f"usage:{hashlib.sha256(text.encode()).hexdigest()}"


def _once(key: str, asked: Callable[[], Answer[T]]) -> Answer[T]:
    with _flights_lock:
        flight = _flights.get(key)
        if is_first := flight is None:
            flight = _flights[key] = Future()
    if not is_first:
        return flight.result()
    try:
        answer = asked()
    except BaseException as error:
        flight.set_exception(error)
        raise
    else:
        flight.set_result(answer)
        return answer
    finally:
        with _flights_lock:
            del _flights[key]


def _kept(key: str) -> Any:
    try:
        return cache.get(key)
    except Exception as error:  # every backend has its own
        logger.warning("The cache cannot be read", extra={"error": type(error).__name__})
        return None


def _keep(key: str, answer: Answer[Any]) -> None:
    try:
        cache.set(key, answer, settings.HISTORY_CACHE_SECONDS)
    except Exception as error:  # every backend has its own
        logger.warning("The cache cannot be written", extra={"error": type(error).__name__})
