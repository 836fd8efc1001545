"""From the answer of usage/web/page_queries.py to what the templates of the usage page write down:
shares, changes, charts, links."""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from usage.events.query import Cursor
from usage.history.windows import Bucket, Interval
from usage.web.charts import (
    ATTEMPTS,
    PERCENTILES,
    TOKENS,
    Columns,
    Slot,
    bar_chart,
    line_chart,
    sparkline,
)
from usage.web.page_queries import PageQuery

Pairs = list[tuple[str, str]]
_KINDS = (
    ("uncachedInputTokens", "Input", "input"),
    ("cacheReadTokens", "Cache read", "cache-read"),
    ("cacheWriteTokens", "Cache write", "cache-write"),
    ("nonReasoningOutputTokens", "Output", "output"),
    ("reasoningTokens", "Reasoning", "reasoning"),
    ("unclassifiedTokens", "Unclassified", "unclassified"),
)
_TIME = ("range", "from", "to", "tz", "bucket")


def share(part: float | None, whole: float | None) -> float:
    """A percentage, 0 of nothing."""
    return 100 * (part or 0) / whole if whole else 0.0


def change(now: float | None, before: float | None) -> float | None:
    """The change against before in percent; None where there is nothing to compare with."""
    return 100 * ((now or 0) - before) / before if before else None


def page_figures(
    question: PageQuery, data: dict[str, Any], asked: Pairs, now: datetime
) -> dict[str, Any]:
    """The context of the page beside its data; `asked` is the query string that led here."""
    links = _Links(question, asked)
    slots = [
        _slot(interval, question, links, now)
        for interval in question.bucket.cut(question.window.period)
    ]
    totals, before, values = data["totals"], data["before"], data["series"]["values"]
    course: Columns = (
        data["courses"][0]["values"]["latency"]
        if data["courses"]
        else {s.column: [0] * len(slots) for s in PERCENTILES}
    )
    return {
        "rates": {
            "success": share(totals["succeeded"], totals["attempts"]),
            "cache": share(totals["cacheReadTokens"], totals["inputTokens"]),
        },
        "changes": {
            name: change(totals[name], before[name])
            for name in ("requests", "failed", "totalTokens")
        },
        "kinds": [
            {
                "label": label,
                "css": css,
                "count": totals[name],
                "share": share(totals[name], totals["totalTokens"]),
            }
            for name, label, css in _KINDS
        ],
        "attempts_chart": bar_chart(slots, values, ATTEMPTS),
        "tokens_chart": bar_chart(slots, values, TOKENS),
        "latency_chart": line_chart(slots, course, PERCENTILES),
        "sparklines": _sparklines(values),
        "groups": [_ranked(group, totals, links) for group in data["breakdown"]["groups"]],
        "groups_beside": [_ranked(group, totals, links) for group in data["beside"]["groups"]],
        "failures": [
            _failure(group, totals, links) for group in data["failures"] if group["failed"]
        ],
    }


class _Links:
    """Where things on the page lead: the page narrowed to them, and the events behind them."""

    def __init__(self, question: PageQuery, asked: Pairs) -> None:
        self._asked, self._zone = asked, question.window.zone

    def narrowed(self, filters: Pairs) -> str:
        """The page with filters that hold beside the present ones."""
        return "?" + urlencode([*self._without(filters), *filters])

    def events(self, filters: Pairs) -> str:
        """The events of the window with filters that hold beside the present ones."""
        return f"{reverse('usage:events')}{self.narrowed(filters)}"

    def of_time(self, interval: Interval, bucket: Bucket) -> str:
        """The page of a bucket alone; of an hour, the events that lead back from its end."""
        first, last = (
            edge.astimezone(self._zone).date()
            for edge in (interval.start, interval.end - timedelta(microseconds=1))
        )
        days = [
            ("range", "custom"),
            ("from", str(first)),
            ("to", str(last)),
            ("tz", self._zone.key),
        ]
        query = [*(pair for pair in self._asked if pair[0] not in _TIME), *days]
        if bucket is not Bucket.HOUR:
            return "?" + urlencode(query)
        return f"{reverse('usage:events')}?{urlencode([*query, ('cursor', str(Cursor(interval.end, 0)))])}"

    def _without(self, filters: Pairs) -> Pairs:
        # A dimension that is filtered already is narrowed to the one value.
        named = {name for name, _ in filters}
        return [pair for pair in self._asked if pair[0] not in named]


def _slot(interval: Interval, question: PageQuery, links: _Links, now: datetime) -> Slot:
    start, bucket = interval.start.astimezone(question.window.zone), question.bucket
    is_unfinished = interval.start <= now < interval.end
    name = start.strftime(
        {Bucket.HOUR: "%Y-%m-%d %H:%M", Bucket.WEEK: "week of %Y-%m-%d", Bucket.MONTH: "%Y-%m"}.get(
            bucket, "%Y-%m-%d"
        )
    )
    return Slot(
        name, _label(start, is_unfinished, question), links.of_time(interval, bucket), is_unfinished
    )


def _label(start: datetime, is_unfinished: bool, question: PageQuery) -> str:
    if question.bucket is Bucket.MONTH:
        return start.strftime("%Y-%m")
    if question.bucket is not Bucket.HOUR:
        return (
            "today" if is_unfinished and question.bucket is Bucket.DAY else start.strftime("%m-%d")
        )
    if len(question.window.days) == 1:
        return "now" if is_unfinished else start.strftime("%H:%M")
    return start.strftime("%m-%d") if start.hour == 0 else ""


def _ranked(group: dict[str, Any], totals: dict[str, Any], links: _Links) -> dict[str, Any]:
    names = {
        name: told for name, told in group.items() if isinstance(told, dict) and "label" in told
    }
    filters = [(name, told["value"]) for name, told in names.items()]
    return group | {
        "names": [told["label"] for told in names.values()],
        "share": share(group["attempts"], totals["attempts"]),
        "success_rate": share(group["succeeded"], group["attempts"]),
        "cache_rate": share(group["cacheReadTokens"], group["inputTokens"]),
        "narrowed": links.narrowed(filters),
        "events": links.events(filters),
    }


def _failure(group: dict[str, Any], totals: dict[str, Any], links: _Links) -> dict[str, Any]:
    told = group["failure_class"]
    filters = [("failure_class", told["value"])]
    return {
        "label": told["label"],
        "count": group["failed"],
        "share": share(group["failed"], totals["failed"]),
        "events": links.events(filters),
    }


def _sparklines(values: dict[str, Any]) -> dict[str, str]:
    reads = zip(values["cacheReadTokens"], values["inputTokens"], strict=True)
    return {
        "requests": sparkline(values["requests"]),
        "failures": sparkline(values["failed"]),
        "tokens": sparkline(values["totalTokens"]),
        "cache": sparkline([(read or 0) / given for read, given in reads if given]),
        "latency": sparkline([ms for ms in values["latency"]["averageMs"] if ms]),
        "ttft": sparkline([ms for ms in values["ttft"]["averageMs"] if ms]),
    }
