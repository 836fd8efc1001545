"""Panels of the monitoring page: other apps register theirs, since this app knows none of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest


@dataclass(frozen=True)
class Panel:
    """A part of the page: its name, what it shows and the template that shows it."""

    name: str
    context: Callable[[HttpRequest], dict[str, Any]]
    template: str


_panels: dict[str, Panel] = {}


def register(panel: Panel) -> None:
    """Add a panel, or replace the one of that name; they appear in the order of registration."""
    _panels[panel.name] = panel


def panels() -> list[Panel]:
    """All registered panels."""
    return list(_panels.values())
