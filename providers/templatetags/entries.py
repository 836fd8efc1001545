"""Entries and states as people read them."""

from typing import Any

import yaml
from django import template

register = template.Library()


@register.filter
def get(mapping: dict[str, Any], key: str) -> Any:
    """A value by its key, empty if it has none."""
    return mapping.get(key, "")


@register.filter
def pretty(value: Any) -> str:
    """Plain data, indented; a word for nothing."""
    return (
        "nothing"
        if value is None
        else yaml.safe_dump(value, sort_keys=False, allow_unicode=True).rstrip()
    )


@register.filter
def number_or_dash(value: Any) -> str:
    """A number, also 0; a dash for none."""
    return str(value) if isinstance(value, int) else "–"
