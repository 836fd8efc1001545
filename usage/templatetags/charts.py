"""The parts of charts of which a page has hundreds: bars, rows of the table of the same figures,
cells of hours and of matrices. A template takes ten times as long for each."""

from collections.abc import Callable, Sequence
from html import escape
from typing import Any

from django import template
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from monitoring.templatetags.figures import amount, duration, exact
from usage.overview.figures import HeatCell
from usage.web.charts import Bar, Chart, Segment, Slot
from usage.web.failures.figures import Cell

register = template.Library()
_WRITTEN: dict[str, Callable[[Any], str]] = {"": exact, "ms": duration, "money": amount}


@register.filter
def drawn_bars(chart: Chart) -> SafeString:
    """The buckets as links: place, parts, and for the script values, name and days."""
    return mark_safe("\n".join(map(_bar, chart.bars)))  # noqa: S308 (texts are escaped)


@register.filter
def written_rows(chart: Chart, unit: str) -> SafeString:
    """A row of the table for each bucket; the unit of its values is empty, "ms" or "money"."""
    written = _WRITTEN[unit]
    rows = (_row(slot, map(written, values)) for slot, values in chart.rows)
    return mark_safe("\n".join(rows))  # noqa: S308 (texts are escaped)


@register.filter
def drawn_hours(cells: Sequence[HeatCell]) -> SafeString:
    """The hours of a day as cells of a table, which lead to their events."""
    return mark_safe("\n".join(map(_hour, cells)))  # noqa: S308 (texts are escaped)


@register.filter
def counted_cells(cells: Sequence[Cell]) -> SafeString:
    """Counts as cells of a table, which lead to their events."""
    unnamed = _("no link: more values than an address can name")
    return mark_safe("\n".join(_counted(cell, unnamed) for cell in cells))  # noqa: S308 (texts are escaped)


def _bar(bar: Bar) -> str:
    slot, place = bar.slot, f'x="{bar.x}" width="{bar.width}"'
    unfinished = ' class="unfinished"' if slot.is_unfinished else ""
    return (
        f'<a href="{escape(slot.href)}" tabindex="-1" data-values="{bar.values}"'
        f' data-name="{escape(slot.name)}" data-days="{slot.days}"{unfinished}>'
        f"<title>{escape(bar.title)}</title>"
        f'<rect class="hit" {place} y="0" height="100"/>'
        f"{''.join(_part(part, place) for part in bar.segments)}</a>"
    )


def _part(part: Segment, place: str) -> str:
    return f'<rect class="{part.css}" {place} y="{part.y}" height="{part.height}"/>'


def _hour(cell: HeatCell) -> str:
    title = f'title="{escape(cell.title)}"'
    if not cell.href:
        return f'<td class="heat-{cell.level}" {title}></td>'
    link = f'<a tabindex="-1" href="{escape(cell.href)}" {title}></a>'
    return f'<td class="heat-{cell.level}">{link}</td>'


def _counted(cell: Cell, unnamed: str) -> str:
    count = escape(exact(cell.count))
    if cell.events:
        count = f'<a href="{escape(cell.events)}">{count}</a>'
    elif cell.count:
        count = f'<span title="{escape(unnamed)}">{count}</span>'
    else:
        count = '<span class="muted" aria-label="0">·</span>'
    return f'<td class="number">{count}</td>'


def _row(slot: Slot, values: Any) -> str:
    cells = "".join(f'<td class="number">{escape(value)}</td>' for value in values)
    return f'<tr><td><a href="{escape(slot.href)}">{escape(slot.name)}</a></td>{cells}</tr>'
