"""Evaluations that are killed between deciding and sending, and the proof that no message is lost
and every repeat is marked."""

import random
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

from django.utils import timezone

from monitoring.leases import force_release
from monitoring.models import Alert, AlertMessage, AlertRule
from tests.crashing import Nursery
from tests.monitoring.alerts.receiver import Receiver

FAILPOINTS = (
    "before alert decision",
    "after alert decision",
    "before alert sending",
    "after alert sending",
)
NETWORKS = {"PRIVATE_PROVIDER_NETWORKS": ["127.0.0.0/8"]}


def make_flipping_rule() -> AlertRule:
    """The only rule; `flip` has it breach or not."""
    AlertRule.objects.update(is_enabled=False)
    return AlertRule.objects.create(
        name="Flips",
        signal="usage.dead_letters",
        comparison="at_most",
        threshold=-1.0,
        calm_seconds=0,
        repeat_seconds=0,
    )


def run(nursery: Nursery, **order: object) -> int:
    """One evaluation in a process of its own; what a dead one claimed or held has run out."""
    force_release("alerts")
    now = timezone.now()
    AlertMessage.objects.filter(state="sending").update(claimed_until=now - timedelta(seconds=1))
    AlertMessage.objects.filter(state="waiting").update(due_at=now - timedelta(seconds=1))
    return nursery.wait(nursery.start("evaluate_alerts", settings=NETWORKS, **order))


def flip(rule: AlertRule) -> None:
    """Have the condition begin or end: without dead letters, "at most 0" breaches."""
    rule.refresh_from_db()
    AlertRule.objects.filter(pk=rule.pk).update(threshold=-1.0 if rule.threshold == 0 else 0.0)


def kill_many(
    nursery: Nursery,
    rule: AlertRule,
    kills: int,
    chance: random.Random,
    progress: Callable[[int], object] = lambda killed: None,
) -> int:
    """Flip and kill until so many evaluations really ended by the signal; how many orders that
    took. A flip after one that was undone brings no decision, and so passes no failpoint."""
    killed = orders = 0
    while killed < kills:
        assert orders < 4 * kills, f"{killed} of {orders} orders were killed"
        flip(rule)
        killed += run(nursery, at=FAILPOINTS[orders % 4]) == -9
        orders += 1
        progress(killed)
        if chance.random() < 0.5:
            run(nursery)
    for _ in range(10):
        run(nursery)
        if not AlertMessage.objects.exclude(state="delivered").exists():
            break
    return orders


def assert_nothing_lost(arrived: Receiver) -> Counter[bool]:
    """Each message arrived, in order, and again only when marked; the counts of marked and not."""
    messages = list(AlertMessage.objects.order_by("created_at"))
    waiting = [(m.state, m.response) for m in messages if m.state != "delivered"]
    assert waiting == [], waiting
    ids = [body["id"] for body in arrived.bodies]
    assert list(dict.fromkeys(ids)) == [str(message.pk) for message in messages]
    seen: set[str] = set()
    for body in arrived.bodies:
        assert body["isRepeat"] or body["id"] not in seen
        seen.add(body["id"])
    fired = Alert.objects.exclude(announced_at=None).count()
    resolved = Alert.objects.filter(state="resolved").exclude(announced_at=None).count()
    kinds = Counter(message.kind for message in messages)
    assert (kinds["firing"], kinds["resolved"]) == (fired, resolved)
    return Counter(body["isRepeat"] for body in arrived.bodies)
