"""A signal whose readings a test decides, and rules over it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from monitoring.alerts import signals
from monitoring.alerts.signals import Measurement, Reading, Signal, Unit
from monitoring.models import AlertRule


class Scripted:
    """A signal that reads what it is set to."""

    def __init__(self) -> None:
        self.readings: list[Reading] = []
        self.error: Exception | None = None

    def set(self, value: float | None, subject: str = "") -> None:
        self.readings = [Reading(value, subject, f"{value} it is.", "/usage/")]

    def measure(self, query: Measurement) -> list[Reading]:
        if self.error:
            raise self.error
        return self.readings

    def past(self, start: datetime, query: Measurement) -> Iterator[tuple[datetime, list[Reading]]]:
        day = 86_400
        for number in range(30):
            instant = datetime.fromtimestamp(start.timestamp() + number * day, tz=start.tzinfo)
            yield instant, [Reading(float(number % 10))]


@contextmanager
def scripted_signal() -> Iterator[Scripted]:
    """Registered as `test.scripted` until the block ends."""
    scripted = Scripted()
    signals.register(
        Signal(
            "test.scripted",
            "Scripted value",
            Unit.COUNT,
            scripted.measure,
            "Set it to nothing.",
            (signals.Filter("colour", "Colour", lambda: [("red", "red")]),),
            past=scripted.past,
        )
    )
    try:
        yield scripted
    finally:
        del signals._signals["test.scripted"]


def make_rule(**fields: Any) -> AlertRule:
    """The only enabled rule: over the scripted signal, at least 5, without delay."""
    AlertRule.objects.update(is_enabled=False)
    values = {"name": "Scripted", "signal": "test.scripted", "threshold": 5, "calm_seconds": 60}
    return AlertRule.objects.create(**{**values, **fields})
