"""A million random questions about random usage, each answered by the query layer and by plain SQL: `make prove-history`.

`python -m tests.bench.prove_history [questions] [seconds]` ends after either; it prints what it asked, and stops at the first difference
with the seed that shows it again.
"""

import random
import sys
import time

from tests.bench.arena import arena
from tests.bench.report import write_section

QUESTIONS = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
SECONDS = float(sys.argv[2]) if len(sys.argv) > 2 else float("inf")
PER_DATASET = 2_000


def prove() -> tuple[int, int]:
    """How many questions were asked, about how many datasets."""
    from django.db import transaction

    from tests.usage.questions import ask_at_random, fill

    started, asked, first = time.monotonic(), 0, time.time_ns() % 10**9
    datasets = 0
    while asked < QUESTIONS and time.monotonic() - started < SECONDS:
        seed = first + datasets
        with transaction.atomic():
            known = fill(seed)
            chance = random.Random(f"questions {seed}")
            for number in range(min(PER_DATASET, QUESTIONS - asked)):
                try:
                    ask_at_random(chance.choice, known)
                except BaseException:
                    print(f"\nDifference at question {number} of seed {seed}", flush=True)
                    raise
                asked += 1
            transaction.set_rollback(True)
        datasets += 1
        print(f"\r{asked:,} questions", end="", flush=True)
    return asked, datasets


def main() -> None:
    started = time.monotonic()
    with arena():
        asked, datasets = prove()
    minutes = (time.monotonic() - started) / 60
    print()
    write_section(
        "History against plain SQL",
        "make prove-history",
        f"{asked:,} random questions about {datasets:,} random sets of 250 events (any zone, calendar, bucket, filters, groups, ranks, percentiles), "
        f"asked in {minutes:.0f} minutes: each was answered as plain SQL over the events answers it.",
    )


if __name__ == "__main__":
    main()
