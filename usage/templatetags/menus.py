"""The options of menus: hundreds in a filter bar, of which a template makes each anew."""

from collections.abc import Iterable
from html import escape

from django import template
from django.utils.safestring import SafeString, mark_safe

register = template.Library()


@register.filter
def options(choices: Iterable[tuple[str, str]], chosen: str = "") -> SafeString:
    """An option for each value with its label; the chosen one is selected."""
    drawn = (
        f'<option value="{escape(value)}"{" selected" if value == chosen else ""}>'
        f"{escape(label)}</option>"
        for value, label in choices
    )
    return mark_safe("\n".join(drawn))  # noqa: S308 (texts are escaped)
