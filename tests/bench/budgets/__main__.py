"""How long evaluating a thousand budgets takes on the reference dataset: `make bench-budgets`.

Budgets of every scope, unit and period, rolling ones of up to a year among them; the page with its
forecasts beside it.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from tests.bench.arena import arena
from tests.bench.report import Row, table, write_section

TARGET_MS = 300
ROLLING_HOURS = (1, 5, 24, 36, 168, 720, 8784)


def make_budgets(count: int) -> None:
    """So many budgets, none of which removes a key."""
    from management_proxy.models import Upstream
    from providers.models import ClientKey
    from tests.factories import make_user
    from usage.models import Budget

    users = [make_user() for _ in range(10)]
    keys = list(ClientKey.objects.all())
    for number, key in enumerate(keys):
        key.owner = users[number % len(users)]
    ClientKey.objects.bulk_update(keys, ["owner"])
    upstream = Upstream.objects.get()
    made = []
    for number in range(count):
        scope, unit, period = _kind(number)
        parties: dict[str, dict[str, Any]] = {
            "key": {"client_key": keys[number % len(keys)]},
            "user": {"user": users[number % len(users)]},
            "provider": {"provider": ("codex", "openai")[number % 2]},
            "upstream": {"upstream": upstream},
        }
        hours = ROLLING_HOURS[number // 4 % len(ROLLING_HOURS)] if period == "rolling" else None
        made.append(
            Budget(
                name=f"budget {number}",
                scope=scope,
                unit=unit,
                period=period,
                rolling_hours=hours,
                limit=10 ** (6 + number % 7),
                warn_at=[50, 80, 95],
                **parties.get(scope, {}),
            )
        )
    Budget.objects.bulk_create(made)


def _kind(number: int) -> tuple[str, str, str]:
    scopes = ("key", "key", "user", "key", "provider", "upstream", "all")
    units = ("dollars", "tokens", "requests")
    periods = ("day", "week", "month", "rolling")
    return scopes[number % 7], units[number % 3], periods[number % 4]


def median_of(repeat: int, act: Callable[[], object]) -> tuple[float, float, int]:
    """Milliseconds, in the middle and at most, of an act; and its statements."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as statements:
        act()
    took = []
    for _ in range(repeat):
        begun = time.perf_counter()
        act()
        took.append(1000 * (time.perf_counter() - begun))
    return statistics.median(took), max(took), len(statements)


def measure(repeat: int, now: datetime) -> list[Row]:
    """Rows of the table."""
    from usage.budgets.evaluation import evaluate_levels
    from usage.budgets.queries import rows
    from usage.budgets.spending import Keys
    from usage.models import Budget

    def evaluated() -> None:
        evaluate_levels(Keys.read(), now)

    def shown() -> None:
        rows(list(Budget.objects.select_related("client_key__upstream", "user", "upstream")), now)

    first = time.perf_counter()
    evaluated()
    first = 1000 * (time.perf_counter() - first)
    found: list[Row] = [["the first evaluation, which stores every level", f"{first:,.0f} ms", ""]]
    for what, act, target in (
        ("an evaluation of 1,000 budgets", evaluated, f"{TARGET_MS} ms"),
        ("all of them with their forecasts, as the page and the JSON show", shown, ""),
    ):
        middle, most, statements = median_of(repeat, act)
        figures = f"{middle:,.0f} ms (at most {most:,.0f}), {statements} statements"
        found.append([what, figures, target])
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--stored", type=int, default=3_205_740)
    parser.add_argument("--budgets", type=int, default=1000)
    parser.add_argument("--repeat", type=int, default=15)
    options = parser.parse_args()
    with arena(options.stored):
        from django.db.models import Max

        from usage.models import UsageHourlyByKey

        make_budgets(options.budgets)
        newest = UsageHourlyByKey.objects.aggregate(at=Max("bucket"))["at"]
        found = measure(options.repeat, newest + timedelta(minutes=30))
    write_section("Budgets", "make bench-budgets", table(["what", "measured", "target"], found))


if __name__ == "__main__":
    main()
