"""The shared cache as those who can do without it use it: where it cannot be reached, nothing is in
it."""

import logging
from typing import Any

from django.core.cache import DEFAULT_CACHE_ALIAS, caches
from django.core.cache.backends.base import BaseCache
from django.core.cache.backends.db import DatabaseCache
from django.core.cache.backends.locmem import LocMemCache

from monitoring.logs.account import waiting
from usage import log_kinds as kinds

logger = logging.getLogger(__name__)
_memory = LocMemCache("usage-past", {})


def shared() -> BaseCache:
    """The cache of all processes."""
    return caches[DEFAULT_CACHE_ALIAS]


def apart() -> BaseCache:
    """The same for use within a transaction; this process's memory where it is in the database.
    There it deletes what has expired and what is too much, which breaks one that only reads."""
    return _memory if isinstance(shared(), DatabaseCache) else shared()


def known(key: str, cache: BaseCache | None = None) -> Any:
    """What was kept under a key; None for nothing."""
    try:
        with waiting("cache"):
            return (cache or shared()).get(key)
    except Exception as error:  # every backend has its own
        kinds.CACHE_NOT_READ.log(logger, logging.WARNING, error=type(error).__name__)
        return None


def keep(key: str, value: object, seconds: float, cache: BaseCache | None = None) -> None:
    """Keep a value under a key for so long at most."""
    try:
        with waiting("cache"):
            (cache or shared()).set(key, value, seconds)
    except Exception as error:  # every backend has its own
        kinds.CACHE_NOT_WRITTEN.log(logger, logging.WARNING, error=type(error).__name__)
