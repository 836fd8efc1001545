"""From the data of the Overview to what its templates write down: tiles, charts, cells, strips and
lists, each with where it leads."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.urls import reverse
from django.utils import timezone
from django.utils.dates import WEEKDAYS, WEEKDAYS_ABBR
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from monitoring.templatetags.figures import exact
from usage.history.dimensions import Dimension
from usage.history.labels import label_for_people
from usage.history.measures import Measures
from usage.history.windows import Bucket, Interval, Period, WeekHour
from usage.overview.activity import Activity, Cell
from usage.overview.hours import Grade, Health, Run, Strip
from usage.overview.queries import Consumer, Overview, Top
from usage.web.charts import ATTEMPTS, TOKENS, bar_chart
from usage.web.links import Links, Pairs, slots
from usage.web.page_figures import columns
from usage.web.page_queries import PageQuery
from usage.web.tiles import share, tiles

LEVELS = 5
# More runs of hours that were not good than these are drawn without a link each.
_MOST_LINKS = 16
# From the top of a strip of ten, so that colour is not all that tells the grades apart.
_PLACES = {Grade.DEGRADED: (3, 7), Grade.BAD: (6, 4)}


@dataclass(frozen=True, slots=True)
class HeatCell:
    """An hour of a day of the week: how much, from 0 to `LEVELS`, in words, and its events."""

    hour: int
    level: int
    title: str
    href: str


@dataclass(frozen=True, slots=True)
class HeatRow:
    """A day of the week, and where it leads if it is a single day."""

    name: str
    short: str
    href: str
    cells: Sequence[HeatCell]


@dataclass(frozen=True, slots=True)
class Stretch:
    """Hours in a row that were not good: in words, where their failures are, and their place in the
    strip, lower the worse."""

    run: Run
    title: str
    href: str
    y: int
    height: int


@dataclass(frozen=True, slots=True)
class StripRow:
    """A strip: what it is called, where it leads, its failures, how many hours had each grade, and
    its drawing: one path of the good hours, and stretches of the others."""

    strip: Strip
    href: str
    failures: str
    good: int
    degraded: int
    bad: int
    path: str
    stretches: Sequence[Stretch]

    @property
    def seen(self) -> int:
        """The hours with traffic."""
        return self.good + self.degraded + self.bad


@dataclass(frozen=True, slots=True)
class TopRow:
    """One of those that use most: its tokens, their share of all, the length of its bar in percent,
    and its page and events."""

    label: str
    consumer: Consumer
    share: float
    bar: float
    href: str
    events: str


@dataclass(frozen=True, slots=True)
class ShownTop:
    """Who uses most of one dimension, and how many others there are."""

    dimension: Dimension
    rows: Sequence[TopRow]
    others: int
    href: str


def figures(query: PageQuery, data: Overview, time: Pairs, now: datetime) -> dict[str, object]:
    """The context of the page beside its data; `time` are the parameters of its window."""
    usage = reverse("usage:page")
    links = Links(time, query.window.zone, usage)
    axis = slots(query.window, query.bucket, links, now)
    leads = {
        "tokens": links.narrowed([]),
        "cost": links.narrowed([("measure", "cost")]),
        "cache": links.narrowed([]),
    }
    return {
        "tiles": tiles(data, links.of_tiles() | leads),
        "attempts_chart": bar_chart(axis, columns(data.points, ATTEMPTS), ATTEMPTS),
        "tokens_chart": bar_chart(axis, columns(data.points, TOKENS), TOKENS),
        "heat": list(_heat(data.activity, links)),
        "strips": [_strip(strip, data.health, links) for strip in data.health.strips],
        "tops": [_top(*top, data.totals, links) for top in data.tops.items()],
    }


def _heat(activity: Activity, links: Links) -> Iterator[HeatRow]:
    busiest, window = activity.busiest or 1, activity.window
    is_one_week = len(window.days) == len(activity.rows)
    dates = {day.weekday(): day for day in window.days} if is_one_week else {}
    # Composed once: composing the links of all hours took longer than drawing them.
    events = links.of_days(window.period, [("hour", "")])
    failed = _("%(count)s failed")
    for day, cells in enumerate(activity.rows):
        short = str(WEEKDAYS_ABBR[day])
        drawn = [
            HeatCell(
                hour,
                math.ceil(LEVELS * math.sqrt(cell.attempts / busiest)),
                _heat_title(short, hour, cell, failed) if cell.attempts else "",
                f"{events}{WeekHour(day + 1, hour)}" if cell.attempts else "",
            )
            for hour, cell in enumerate(cells)
        ]
        yield HeatRow(str(WEEKDAYS[day]), short, _of_day(dates.get(day), links), drawn)


def _of_day(day: date | None, links: Links) -> str:
    return links.of_time(Period.of_days(day, day, links.zone), Bucket.DAY) if day else ""


def _heat_title(day: str, hour: int, cell: Cell, failed: str) -> str:
    attempts = ngettext("%(count)s attempt", "%(count)s attempts", cell.attempts) % {
        "count": exact(cell.attempts)
    }
    if not cell.failed:
        return f"{day} {hour}:00: {attempts}"
    return f"{day} {hour}:00: {attempts}, {failed % {'count': exact(cell.failed)}}"


def _strip(strip: Strip, health: Health, links: Links) -> StripRow:
    filters = [(strip.dimension.value, strip.value.value)]
    troubled = [run for run in strip.runs if run.grade in (Grade.DEGRADED, Grade.BAD)]
    good = [run for run in strip.runs if run.grade is Grade.GOOD]
    whole = Interval(health.hours[0].start, health.hours[-1].end)
    return StripRow(
        strip,
        links.narrowed(filters),
        links.of_days(whole, [*filters, ("outcome", "failed")]),
        strip.count(Grade.GOOD),
        strip.count(Grade.DEGRADED),
        strip.count(Grade.BAD),
        "".join(f"M{run.first} 0h{run.hours}v10h-{run.hours}z" for run in good),
        [
            _stretch(run, health.hours, filters if len(troubled) <= _MOST_LINKS else [], links)
            for run in troubled
        ],
    )


def _stretch(run: Run, hours: Sequence[Interval], filters: Pairs, links: Links) -> Stretch:
    interval = Interval(hours[run.first].start, hours[run.first + run.hours - 1].end)
    start, end = (timezone.localtime(edge, links.zone) for edge in (interval.start, interval.end))
    title = _("%(start)s to %(end)s: %(failed)s of %(attempts)s attempts failed") % {
        "start": date_format(start, "m-d H:i"),
        "end": date_format(end, "m-d H:i"),
        "failed": exact(run.failed),
        "attempts": exact(run.attempts),
    }
    href = links.of_hours(interval, [*filters, ("outcome", "failed")]) if filters else ""
    return Stretch(run, title, href, *_PLACES[run.grade])


def _top(dimension: Dimension, found: Top, totals: Measures, links: Links) -> ShownTop:
    largest = max((consumer.total_tokens for consumer in found.consumers), default=0)
    return ShownTop(
        dimension,
        [_top_row(dimension, consumer, totals, largest, links) for consumer in found.consumers],
        found.others,
        links.narrowed([("by", dimension.value)]),
    )


def _top_row(
    dimension: Dimension, consumer: Consumer, totals: Measures, largest: int, links: Links
) -> TopRow:
    filters = [(dimension.value, consumer.name.value)]
    return TopRow(
        label_for_people(dimension, consumer.name.value, consumer.name.label),
        consumer,
        share(consumer.total_tokens, totals.total_tokens),
        share(consumer.total_tokens, largest),
        links.narrowed(filters),
        links.events(filters),
    )
