"""A million random questions about random usage, each answered by the query layer and by plain SQL:
`make prove-history`.

`python -m tests.bench.prove_history [questions] [seconds]` ends after either; it prints what it
asked, and stops at the first difference with the seed that shows it again. As many processes as
there are cores ask, each in a database of its own.
"""

import multiprocessing
import os
import random
import sys
import time
from collections.abc import Callable

from tests.bench.arena import arena
from tests.bench.report import write_section

QUESTIONS = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
SECONDS = float(sys.argv[2]) if len(sys.argv) > 2 else float("inf")
PER_DATASET = 2_000


def ask_about(seed: int) -> None:
    """Ask the questions about the dataset of a seed. Raises AssertionError at a difference."""
    from django.db import transaction

    from tests.usage.questions import ask_at_random, fill

    with transaction.atomic():
        known = fill(seed)
        chance = random.Random(f"questions {seed}")
        for number in range(PER_DATASET):
            try:
                ask_at_random(chance.choice, known)
            except BaseException:
                print(f"\nDifference at question {number} of seed {seed}", flush=True)
                raise
        transaction.set_rollback(True)


def use_own_database(numbers: "multiprocessing.Queue[int]") -> None:
    """A worker's beginning: it is the only one in the copy of its number."""
    from django.db import connection

    connection.settings_dict.update(
        connection.creation.get_test_db_clone_settings(str(numbers.get()))
    )


def prove(workers: int, is_over: Callable[[], bool]) -> int:
    """How many datasets were asked about until it was over."""
    from django.db import connection

    numbers: multiprocessing.Queue[int] = multiprocessing.Queue()
    for number in range(workers):
        connection.creation.clone_test_db(str(number), verbosity=0)
        numbers.put(number)
    connection.close()
    first, asked = time.time_ns() % 10**9, 0
    with multiprocessing.get_context("fork").Pool(workers, use_own_database, (numbers,)) as pool:
        for _ in pool.imap_unordered(ask_about, range(first, first + -(-QUESTIONS // PER_DATASET))):
            asked += 1
            print(f"\r{asked * PER_DATASET:,} questions", end="", flush=True)
            if is_over():
                break
    for number in range(workers):
        connection.creation.destroy_test_db(suffix=str(number), verbosity=0)
    return asked


def main() -> None:
    started = time.monotonic()
    with arena():
        datasets = prove(os.cpu_count() or 1, lambda: time.monotonic() - started > SECONDS)
    minutes = (time.monotonic() - started) / 60
    print()
    write_section(
        "History against plain SQL",
        "make prove-history",
        f"{datasets * PER_DATASET:,} random questions about {datasets:,} random sets of 250 events"
        " (any zone, calendar, bucket, filters, groups, ranks, percentiles), asked in"
        f" {minutes:.0f} minutes: each was answered as plain SQL over the events answers it.",
    )


if __name__ == "__main__":
    main()
