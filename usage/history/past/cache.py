"""The shared cache as those who can do without it use it: where it cannot be reached, nothing is in
it."""

import logging
from typing import Any

from django.core.cache import cache

from monitoring.logs.account import waiting
from usage import log_kinds as kinds

logger = logging.getLogger(__name__)


def known(key: str) -> Any:
    """What was kept under a key; None for nothing."""
    try:
        with waiting("cache"):
            return cache.get(key)
    except Exception as error:  # every backend has its own
        kinds.CACHE_NOT_READ.log(logger, logging.WARNING, error=type(error).__name__)
        return None


def keep(key: str, value: object, seconds: float) -> None:
    """Keep a value under a key for so long at most."""
    try:
        with waiting("cache"):
            cache.set(key, value, seconds)
    except Exception as error:  # every backend has its own
        kinds.CACHE_NOT_WRITTEN.log(logger, logging.WARNING, error=type(error).__name__)
