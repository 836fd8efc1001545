"""A million random queries of random usage, each run by the query layer and as plain SQL:
`make prove-history`.

`python -m tests.bench.prove_history [queries] [seconds]` ends after either; it prints its progress,
and stops at the first difference with the seed that reproduces it. As many processes as there are
cores work on it, each in a database of its own.
"""

import argparse
import multiprocessing
import os
import random
import time
from collections.abc import Callable

from tests.bench.arena import arena
from tests.bench.report import write_section

PER_DATASET = 2_000


def compare(seed: int) -> None:
    """Run the queries on the dataset of a seed. Raises AssertionError at a difference."""
    from django.db import transaction

    from tests.usage.random_queries import check_at_random, fill

    with transaction.atomic():
        known = fill(seed)
        chance = random.Random(f"queries {seed}")
        for number in range(PER_DATASET):
            try:
                check_at_random(chance.choice, known)
            except BaseException:
                print(f"\nDifference at query {number} of seed {seed}", flush=True)
                raise
        transaction.set_rollback(True)


def use_own_database(numbers: "multiprocessing.Queue[int]") -> None:
    """A worker's beginning: it is the only one in the copy of its number."""
    from django.db import connection

    connection.settings_dict.update(
        connection.creation.get_test_db_clone_settings(str(numbers.get()))
    )


def prove(workers: int, datasets: int, is_over: Callable[[], bool]) -> int:
    """How many datasets, of so many, were queried until it was over."""
    from django.db import connection

    numbers: multiprocessing.Queue[int] = multiprocessing.Queue()
    for number in range(workers):
        connection.creation.clone_test_db(str(number), verbosity=0)
        numbers.put(number)
    connection.close()
    first, done = time.time_ns() % 10**9, 0
    with multiprocessing.get_context("fork").Pool(workers, use_own_database, (numbers,)) as pool:
        for _ in pool.imap_unordered(compare, range(first, first + datasets)):
            done += 1
            print(f"\r{done * PER_DATASET:,} queries", end="", flush=True)
            if is_over():
                break
    for number in range(workers):
        connection.creation.destroy_test_db(suffix=str(number), verbosity=0)
    return done


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.prove_history")
    parser.add_argument("queries", nargs="?", type=int, default=1_000_000)
    parser.add_argument("seconds", nargs="?", type=float, default=float("inf"))
    options = parser.parse_args()
    started = time.monotonic()
    most = -(-options.queries // PER_DATASET)
    with arena():
        datasets = prove(
            os.cpu_count() or 1, most, lambda: time.monotonic() - started > options.seconds
        )
    minutes = (time.monotonic() - started) / 60
    print()
    write_section(
        "History against plain SQL",
        "make prove-history",
        f"{datasets * PER_DATASET:,} random queries of {datasets:,} random sets of 250 events"
        " (any zone, calendar, bucket, filters, groups, ranks, percentiles) within"
        f" {minutes:.0f} minutes: each had the result of plain SQL over the events.",
    )


if __name__ == "__main__":
    main()
