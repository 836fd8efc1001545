"""The rules that Tollgate ships: apps register them beside their signals; each is stored once, and
from then on is the operator's to change or switch off."""

from dataclasses import asdict, dataclass, field
from typing import Any

from django.db import router
from django.utils.translation import gettext

from monitoring.models import AlertRule, Severity


@dataclass(frozen=True)
class DefaultRule:
    """A rule as it is stored first; `code` names its section of docs/runbook.md for ever."""

    code: str
    name: str
    signal: str
    threshold: float
    severity: Severity = Severity.WARNING
    comparison: str = AlertRule.Comparison.AT_LEAST
    filters: dict[str, str] = field(default_factory=dict)
    window_seconds: int = 600
    least_volume: int = 0
    hold_seconds: int = 0
    calm_seconds: int = 120
    repeat_seconds: int = 14_400


_rules: dict[str, DefaultRule] = {}


def register(*rules: DefaultRule) -> None:
    """Add rules, or replace those of the same codes."""
    _rules.update({rule.code: rule for rule in rules})


def default_rules() -> list[DefaultRule]:
    """All registered ones."""
    return list(_rules.values())


def shown_name(code: str, name: str) -> str:
    """A rule's name; one that Tollgate ships, in the active language."""
    shipped = _rules.get(code)
    return gettext(name) if shipped and shipped.name == name else name


def store_missing(using: str = "default", **kwargs: Any) -> None:
    """Store those that never were; a receiver of `post_migrate`."""
    if router.allow_migrate_model(using, AlertRule):
        rows = [AlertRule(**asdict(rule)) for rule in _rules.values()]
        AlertRule.objects.using(using).bulk_create(rows, ignore_conflicts=True)
