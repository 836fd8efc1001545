"""The rows of lists of events: a page has up to hundreds, each of dozens of figures and texts."""

from collections.abc import Iterable
from datetime import datetime
from html import escape

from django import template
from django.urls import reverse
from django.utils import dateformat, timezone
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from monitoring.templatetags.figures import (
    duration,
    exact,
    exact_money,
    latency_grade,
    money,
    short,
)
from usage.history.snapshot import Row
from usage.models.failures import FailureClass

register = template.Library()


@register.filter
def event_rows(events: Iterable[Row]) -> SafeString:
    """A row for each event, named as in its JSON, without what the reader may not see."""
    texts = _Texts()
    rows = (f"<tr>{_row(event, texts)}</tr>" for event in events)
    return mark_safe("\n".join(rows))  # noqa: S308 (texts are escaped)


class _Texts:
    """The texts of all rows, in the language of the page."""

    def __init__(self) -> None:
        self.request = _("%(endpoint)s, request %(id)s")
        self.without_id = _("without id")
        self.instant = _("m-d H:i:s")
        self.ok = escape(_("ok"))
        self.requested_as = _("%(model)s, requested as %(alias)s")
        self.alias = _("as %(alias)s")
        self.output = _("%(all)s, of them reasoning: %(reasoning)s")
        self.classes = {name: escape(str(label)) for name, label in FailureClass.choices}


def _row(event: Row, texts: _Texts) -> str:
    all_output, reasoning = exact(event["outputTokens"]), exact(event["reasoningTokens"])
    grade, cost = latency_grade(event["latencyMs"]), event["costNanoUsd"]
    cells = [
        f"<td>{_instant(event, texts)}</td>",
        f"<td>{_outcome(event, texts)}</td>",
        _named("key", event["keyName"], event.get("username"), ", "),
        _model(event, texts),
        _named("provider", event["provider"], event.get("credential"), " "),
        f'<td class="number">{escape(duration(event["ttftMs"]))}</td>',
        f'<td class="number latency-{grade}">{escape(duration(event["latencyMs"]))}</td>',
        _number(short(event["inputTokens"]), exact(event["inputTokens"])),
        _number(short(event["cacheReadTokens"]), exact(event["cacheReadTokens"])),
        _number(
            short(event["outputTokens"]), texts.output % {"all": all_output, "reasoning": reasoning}
        ),
        _number(money(cost), exact_money(cost)),
    ]
    return "\n".join(cells)


def _instant(event: Row, texts: _Texts) -> str:
    title = texts.request % {
        "endpoint": event["endpoint"],
        "id": event["requestId"] or texts.without_id,
    }
    local = timezone.localtime(datetime.fromisoformat(event["timestamp"]))
    written = escape(dateformat.format(local, texts.instant))
    return (
        f'<a href="{reverse("usage:event", args=[event["id"]])}" title="{escape(title)}">'
        f'<time datetime="{event["timestamp"]}">{written}</time></a>'
    )


def _outcome(event: Row, texts: _Texts) -> str:
    if not event["failed"]:
        return f'<span class="badge good">✓ {texts.ok}</span>'
    status = f" {event['failStatus']}" if event["failStatus"] else ""
    title = texts.classes.get(event["failureClass"], "")
    named = f' title="{title}"' if title else ""
    return f'<span class="badge bad"{named}>✕ {escape(event["failureClass"])}{status}</span>'


def _named(css: str, name: str, more: str | None, separator: str) -> str:
    title = f"{name}{separator}{more}" if more else name
    return f'<td class="cut {css}" title="{escape(title)}">{escape(name)} {_muted(more)}</td>'


def _model(event: Row, texts: _Texts) -> str:
    model, alias, requested_as = event["model"], event["alias"], ""
    title = model
    if alias != model:
        title = texts.requested_as % {"model": model, "alias": alias}
        requested_as = _muted(texts.alias % {"alias": alias})
    return (
        f'<td class="cut model" title="{escape(title)}"><span class="name">{escape(model)}</span>'
        f" {requested_as} {_muted(event['reasoningEffort'])}</td>"
    )


def _muted(text: str | None) -> str:
    return f'<span class="muted">{escape(text)}</span>' if text else ""


def _number(figure: str, title: str) -> str:
    return f'<td class="number" title="{escape(title)}">{escape(figure)}</td>'
