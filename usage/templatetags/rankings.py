"""The cells that the rows of ranked tables share; a page has a hundred such rows."""

from html import escape

from django import template
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from monitoring.templatetags.figures import exact, money, percent, short
from usage.history.measures import Measures
from usage.web.page_figures import Row

register = template.Library()


@register.filter
def ranked_cells(row: Row) -> SafeString:
    """Attempts, their share, success, tokens, cache and cost of a group."""
    m, share = row.measures, f'<span class="bar" style="width:{row.share:.1f}%"></span>'
    attempts = f'<a href="{escape(row.events)}" title="{_these()}">{escape(exact(m.attempts))}</a>'
    cells = [
        f'<td class="number">{attempts}</td>',
        f'<td class="share"><span class="track">{share}</span>{escape(percent(row.share))}</td>',
        _cell(percent(row.success_rate), _("%(failed)s failed") % {"failed": exact(m.failed)}),
        _cell(short(m.input_tokens), exact(m.input_tokens)),
        _cell(short(m.output_tokens), exact(m.output_tokens)),
        _cell(percent(row.cache_rate), _of_cache(m)),
        _cell(money(m.cost_nano_usd), _of_cost(m)),
    ]
    return mark_safe("\n".join(cells))  # noqa: S308 (texts are escaped)


def _these() -> str:
    return escape(_("These attempts"))


def _of_cache(measures: Measures) -> str:
    return _("%(cache_read_tokens)s tokens read from a cache") % {
        "cache_read_tokens": exact(measures.cache_read_tokens)
    }


def _of_cost(measures: Measures) -> str:
    return _("%(listed)s by list price; %(unpriced)s attempts without a price") % {
        "listed": money(measures.list_cost_nano_usd),
        "unpriced": exact(measures.unpriced_attempts),
    }


def _cell(figure: str, title: str) -> str:
    return f'<td class="number" title="{escape(title)}">{escape(figure)}</td>'
