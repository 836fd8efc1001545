"""Threads that start at the same moment, each with a database connection of its own."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from django.db import connections

T = TypeVar("T")


def together(*acts: Callable[[], T]) -> list[T]:
    """The results of acts that start at the same moment; an act that raises fails the test."""
    barrier = threading.Barrier(len(acts))

    def run(act: Callable[[], T]) -> T:
        try:
            barrier.wait(30)
            return act()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(acts)) as pool:
        return [future.result() for future in [pool.submit(run, act) for act in acts]]


def times(count: int, act: Callable[[int], T]) -> list[T]:
    """The results of one act that so many threads do at the same moment, each with its number."""
    return together(*(partial(act, number) for number in range(count)))
