"""The options of menus: hundreds in a filter bar, of which a template makes each anew."""

from collections.abc import Iterable

from django import template
from django.utils.html import format_html_join
from django.utils.safestring import SafeString, mark_safe

register = template.Library()
_IS_CHOSEN = mark_safe(" selected")


@register.filter
def options(choices: Iterable[tuple[str, str]], chosen: str = "") -> SafeString:
    """An option for each value with its label; the chosen one is selected."""
    rows = ((value, _IS_CHOSEN if value == chosen else "", label) for value, label in choices)
    return format_html_join("\n", '<option value="{}"{}>{}</option>', rows)
