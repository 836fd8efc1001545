"""From a report of speed to what the templates of the Speed page write down: charts and links."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext

from monitoring.web.formats import localized
from usage.history.labels import label_for_people
from usage.history.measures import DURATIONS, Measures
from usage.history.summaries import GroupName, Split, SummaryQuery
from usage.history.windows import Window
from usage.reports.speed import Speed
from usage.web.charts import PERCENTILES, Chart, Columns, Series, Slot
from usage.web.line_charts import even_line_chart, line_chart
from usage.web.links import Links, Pairs, pairs_of, slots
from usage.web.page_figures import columns

_COLUMNS = tuple(series.column for series in PERCENTILES)


@dataclass(frozen=True, slots=True)
class SpeedRow:
    """One value of the dimension, or `others` without a label: how fast it was, and where it
    leads."""

    label: str
    others: int
    measures: Measures
    narrowed: str
    events: str


def figures(
    query: SummaryQuery,
    window: Window,
    found: Speed,
    percentile: str,
    parameters: Pairs,
    now: datetime,
) -> dict[str, object]:
    """The context of the page; `percentile` is that of the courses, such as p95."""
    links = Links(parameters, window.zone)
    axis = slots(window, query.bucket, links, now)
    return {
        "found": found,
        "page_query": query,
        "dimension": query.groups[0],
        "percentile": percentile,
        **{f"{name}_chart": _percentiles(axis, found, name) for name in DURATIONS},
        **{f"{name}_courses": _courses(axis, found, name, percentile) for name in DURATIONS},
        "rate_chart": _rates(axis, found),
        "rows": [_row(group, links) for group in found.groups],
    }


def _percentiles(axis: Sequence[Slot], found: Speed, name: str) -> Chart:
    """Percentiles of `latency` or `ttft` over time."""
    points = [getattr(point, name) for point in (found.whole.points if found.whole else ())]
    empty: Columns = dict.fromkeys(_COLUMNS, [0] * len(axis))
    return line_chart(axis, columns(points, PERCENTILES) if points else empty, PERCENTILES)


def _courses(axis: Sequence[Slot], found: Speed, name: str, percentile: str) -> Chart:
    """One percentile over time of each of the largest values."""

    def value(point: Measures) -> int:
        found: int = getattr(getattr(point, name), f"{percentile}_ms")
        return found

    return line_chart(axis, *_lines(found, value))


def _rates(axis: Sequence[Slot], found: Speed) -> Chart:
    """Tokens per second over time of each of the largest values."""
    return even_line_chart(axis, *_lines(found, lambda point: point.tokens_per_second), _per_second)


def _per_second(value: float | None) -> str:
    if value is None:
        return gettext("not measured")
    return gettext("%(tokens)s tokens/s") % {"tokens": localized(f"{value:,.1f}")}


def _lines(
    found: Speed, value: Callable[[Measures], float | None]
) -> tuple[Columns, tuple[Series, ...]]:
    courses = found.courses
    series = tuple(
        Series(str(number), _label(course.name), f"line-{number}")
        for number, course in enumerate(courses, 1)
    )
    return {
        str(number): [value(point) for point in course.points]
        for number, course in enumerate(courses, 1)
    }, series


def _label(name: GroupName) -> str:
    ((dimension, value),) = name.items()
    return label_for_people(dimension, value.value, value.label)


def _row(group: Split, links: Links) -> SpeedRow:
    if not group.name:
        return SpeedRow("", group.others, group.totals, "", "")
    pairs = pairs_of(group.name)
    return SpeedRow(_label(group.name), 0, group.totals, links.narrowed(pairs), links.events(pairs))
