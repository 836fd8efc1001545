"""What was read of days that are over, cached for as long as they stay as they are.

    query of these days --their version--> cached under both? yes: that
                                           no: read it, cache it

Invariants
* The version of days names the transaction that wrote each of their rows in the narrowest daily
  rollup. Whatever changes a sum of a day writes a row of it there in the same transaction: the
  ingest, a late event, new costs. Only a rebuild takes one transaction for each rollup, this one
  the last. So what is cached is what reading again would return, without any word from those who
  write, whichever process they are.
* The version is read before the data: data may be newer than their version, never older.
* Transactions are numbered by each server anew: when it was started belongs to the version, so that
  a copy of the database that another server restored is not taken for this one.
* Names of upstreams and owners of client keys have a version of their own, which counts where the
  query depends on them.
* A request for a fresh result reads all days, and caches them.
* A cache that cannot be reached is no cache; in place of one in the database each process has its
  own (cache.py).
"""

import hashlib
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date
from typing import Any, TypeVar, cast

import msgspec

from usage.history.past.cache import apart, keep, known
from usage.history.snapshot import once, rows

T = TypeVar("T")
# Raised with every change of what is cached.
_LAYOUT = 1
# Nothing gets too old; it only bounds how long the cache holds what no query wants any more.
SECONDS = 86_400
# What is larger is read each time: a process holds a hundred of them (config/settings.py).
MOST_BYTES = 256 * 1024
_OF_DAYS = """
    SELECT md5(concat(pg_postmaster_start_time(), ' ',
        string_agg(bucket::text || ' ' || series_id || ' ' || xmin, ' ' ORDER BY bucket, series_id)
    )) AS version
    FROM usage_usagedailyoverall WHERE bucket >= %(first)s AND bucket < %(after)s
"""
_OF_NAMES = """
    SELECT md5(concat(
        (SELECT string_agg(id || ' ' || name, ' ' ORDER BY id) FROM management_proxy_upstream),
        (SELECT string_agg(id || ' ' || coalesce(owner_id, 0), ' ' ORDER BY id)
            FROM providers_clientkey)
    )) AS version
"""
_reads_anew: ContextVar[bool] = ContextVar("reads_past_days_anew", default=False)


def kept(
    query: object, first: date, after: date, read: Callable[[], T], *, depends_on_names: bool
) -> T:
    """What `read` returns of the days from `first` before `after`, maybe cached. `query`, which
    msgspec can write, identifies it."""
    days = {"first": first, "after": after}
    version = [once(f"version of {first} to {after}", lambda: _version(_OF_DAYS, days))]
    if depends_on_names:
        version.append(once("version of names", lambda: _version(_OF_NAMES, {})))
    text = msgspec.msgpack.encode((_LAYOUT, version, query))
    key = f"usage:past:{hashlib.sha256(text).hexdigest()}"
    cache = apart()
    found = None if _reads_anew.get() else known(key, cache)
    if found is None:
        # In a tuple, as what was read may be nothing.
        found = (read(),)
        if len(pickle.dumps(found)) <= MOST_BYTES:
            keep(key, found, SECONDS, cache)
    return cast("tuple[T]", found)[0]


@contextmanager
def reading_anew(*, wanted: bool) -> Iterator[None]:
    """Within it all days are read, if that is wanted."""
    token = _reads_anew.set(wanted)
    try:
        yield
    finally:
        _reads_anew.reset(token)


def _version(sql: str, parameters: dict[str, Any]) -> Any:
    return rows("history.past", sql, parameters)[0]["version"]
