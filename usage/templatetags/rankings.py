"""The rows of ranked tables; a page has a hundred."""

from collections.abc import Sequence
from html import escape

from django import template
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from monitoring.templatetags.figures import exact, measured, money, pace, percent, short
from usage.history.measures import Measures
from usage.web.page_figures import Row

register = template.Library()


class _Texts:
    """The texts of all rows, in the language of the page."""

    def __init__(self) -> None:
        self.only = _("Only this: %(name)s")
        self.these = escape(_("These attempts"))
        self.failed = _("%(failed)s failed")
        self.cached = _("%(cache_read_tokens)s tokens read from a cache")
        self.cost = _("%(listed)s by list price; %(unpriced)s attempts without a price")


@register.filter
def ranked_rows(groups: Sequence[Row]) -> SafeString:
    """A row for each group: attempts, their share, success, tokens, cache and cost."""
    texts = _Texts()
    rows = (f"<tr>{_ranked(row, texts)}</tr>" for row in groups)
    return mark_safe("\n".join(rows))  # noqa: S308 (texts are escaped)


@register.filter
def timed_rows(groups: Sequence[Row]) -> SafeString:
    """The same with speed, latency and the time until the first token."""
    texts = _Texts()
    rows = (f"<tr>{_ranked(row, texts)}{_timed(row.measures)}</tr>" for row in groups)
    return mark_safe("\n".join(rows))  # noqa: S308 (texts are escaped)


def _ranked(row: Row, texts: _Texts) -> str:
    m, bar = row.measures, f'<span class="bar" style="width:{row.share:.1f}%"></span>'
    attempts = (
        f'<a href="{escape(row.events)}" title="{texts.these}">{escape(exact(m.attempts))}</a>'
    )
    unpriced = exact(m.unpriced_attempts)
    cells = [
        *(_name(name, row, texts) for name in row.names),
        f'<td class="number">{attempts}</td>',
        f'<td class="share"><span class="track">{bar}</span>{escape(percent(row.share))}</td>',
        _cell(percent(row.success_rate), texts.failed % {"failed": exact(m.failed)}),
        _cell(short(m.input_tokens), exact(m.input_tokens)),
        _cell(short(m.output_tokens), exact(m.output_tokens)),
        _cell(
            percent(row.cache_rate),
            texts.cached % {"cache_read_tokens": exact(m.cache_read_tokens)},
        ),
        _cell(
            money(m.cost_nano_usd),
            texts.cost % {"listed": money(m.list_cost_nano_usd), "unpriced": unpriced},
        ),
    ]
    return "\n".join(cells)


def _name(name: str, row: Row, texts: _Texts) -> str:
    title = escape(texts.only % {"name": name})
    link = f'<a class="name" href="{escape(row.narrowed)}" title="{title}">{escape(name)}</a>'
    return f'<th scope="row" title="{escape(name)}">{link}</th>'


def _timed(measures: Measures) -> str:
    latency, ttft = measures.latency, measures.ttft
    figures = [
        pace(measures.tokens_per_second),
        measured(latency.p50_ms, latency.sample_count),
        measured(latency.p95_ms, latency.sample_count),
        measured(latency.p99_ms, latency.sample_count),
        measured(ttft.p95_ms, ttft.sample_count),
    ]
    return "".join(f'<td class="number">{escape(figure)}</td>' for figure in figures)


def _cell(figure: str, title: str) -> str:
    return f'<td class="number" title="{escape(title)}">{escape(figure)}</td>'
