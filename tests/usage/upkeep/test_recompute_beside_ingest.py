"""Costs are recomputed while pages are stored and rollups rebuilt: nothing is lost, doubled or
stuck, whatever the order."""

import random
from datetime import UTC, date, datetime
from functools import partial

import pytest

from tests.concurrency import together
from tests.factories import make_event, make_upstream, own_price, store
from usage.models import OwnPrice, UsageEvent
from usage.upkeep import recompute
from usage.upkeep.rebuild import differences, rebuild

pytestmark = pytest.mark.django_db(transaction=True)

FIRST, LAST = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 10, 8, tzinfo=UTC)
PAGES, EVENTS = 25, 20


def ingest(number: int) -> None:
    chance, upstream = random.Random(number), make_upstream()
    for _ in range(PAGES):
        events = [
            make_event(
                model=chance.choice(("gpt-5.4", "mine", "other")),
                timestamp=FIRST + (LAST - FIRST) * chance.random(),
                api_key=chance.choice(("sk-one-000001", "sk-two-000002")),
            )
            for _ in range(EVENTS)
        ]
        store(upstream, *events)


def recompute_all(number: int) -> None:
    for turn in range(4):
        rate = 1_000_000 * (number + 1) + turn
        OwnPrice.objects.filter(model="mine").update(input_rate=rate)
        made = recompute.request(date(2026, 9, 30), date(2026, 10, 9), (), None)
        recompute.carry_on(made)
        recompute.approve(made, None)
        recompute.carry_on(made)


def test_rollups_equal_the_events_whatever_runs_beside():
    own_price("price", model="mine", input_rate=1, output_rate=1)
    together(
        *(partial(ingest, number) for number in range(2)),
        *(partial(recompute_all, number) for number in range(2)),
        partial(rebuild, FIRST, LAST),
    )
    assert UsageEvent.objects.count() == 2 * PAGES * EVENTS
    assert differences(FIRST, LAST) == []
