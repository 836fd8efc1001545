"""Where the figures of a page lead: the page narrowed to them, the events behind them, and the
buckets of the time axis."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache, cached_property
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.urls import reverse
from django.utils import dateformat
from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from usage.events.query import Cursor
from usage.history.dimensions import EMPTY, Dimension, Outcome
from usage.history.summaries import GroupName
from usage.history.windows import Bucket, Interval, Window
from usage.web.charts import Slot

Pairs = list[tuple[str, str]]
_NO_FAILURE = (Dimension.FAILURE_CLASS.value, EMPTY)
_SUCCEEDED = (Dimension.OUTCOME.value, Outcome.SUCCEEDED.value)
# Of the 4 KiB that a request line may have here, and less elsewhere.
_LONGEST_ADDRESS = 2000
_TIME = ("range", "from", "to", "tz", "bucket")
# Letters of Django's formats of dates that strftime knows as well.
_CODES = {"Y": "%Y", "m": "%m", "d": "%d", "H": "%H", "i": "%M"}
_NAMES = {Bucket.HOUR: _("Y-m-d H:i"), Bucket.MONTH: _("Y-m")}


class Links:
    """Links of a page with such a query string; `page` is the address that it is narrowed on, if
    not its own."""

    def __init__(self, parameters: Pairs, zone: ZoneInfo, page: str = "") -> None:
        self._parameters, self._page = parameters, page
        self._events = reverse("usage:events")
        self.zone = zone

    def narrowed(self, filters: Pairs) -> str:
        """The page with filters that hold beside the present ones."""
        return f"{self._page}?{urlencode([*self._without(filters), *filters])}"

    def events(self, filters: Pairs, *, without: str = "") -> str:
        """The events of the window with filters that hold beside the present ones, but for one that
        is left out."""
        kept = [pair for pair in self._without(filters) if pair[0] != without]
        return f"{self._events}?{urlencode([*kept, *filters])}"

    def of_tiles(self) -> dict[str, str]:
        """Where the tiles of totals lead, by their names, that have a page of their own."""
        speed = f"{reverse('usage:speed')}?{urlencode(self._parameters)}"
        return {
            "requests": self.events([]),
            "failures": self.events([("outcome", "failed")]),
            "latency": speed,
            "ttft": speed,
        }

    def of_time(self, interval: Interval, bucket: Bucket) -> str:
        """The page of a bucket alone; of an hour, its events."""
        if bucket is Bucket.HOUR:
            return self.of_hours(interval, [])
        return f"{self._page}?{self._of_days(interval)}"

    def of_hours(self, interval: Interval, filters: Pairs) -> str:
        """The events of its days that lead back from its end, with filters beside the present
        ones."""
        cursor = str(Cursor(interval.end, 0))
        return self.of_days(interval, [*filters, ("cursor", cursor)])

    def of_days(self, interval: Interval, filters: Sequence[tuple[str, str]] = ()) -> str:
        """The events of its days, with filters beside the present ones."""
        more = f"&{urlencode(filters)}" if filters else ""
        return f"{self._events}?{self._of_days(interval)}{more}"

    def _of_days(self, interval: Interval) -> str:
        first, last = days_of(interval, self.zone)
        before, after = self._around_days
        return f"{before}&from={first}&to={last}&{after}"

    @cached_property
    def _around_days(self) -> tuple[str, str]:
        """What stands before and after the days in the query string of any interval: a chart has
        a link for each of its buckets."""
        kept = [pair for pair in self._parameters if pair[0] not in _TIME]
        return urlencode([*kept, ("range", "custom")]), urlencode({"tz": self.zone.key})

    def _without(self, filters: Pairs) -> Pairs:
        # A dimension that is filtered already is narrowed to the one value.
        named = {name for name, _ in filters}
        return [pair for pair in self._parameters if pair[0] not in named]


def pairs_of(name: GroupName) -> Pairs:
    """The filters that accept a group; what has no failure class succeeded."""
    pairs = [(dimension.value, value.value) for dimension, value in name.items()]
    return [_SUCCEEDED if pair == _NO_FAILURE else pair for pair in pairs]


def moved(parameters: Pairs, window: Window) -> Pairs:
    """The same query of other days."""
    days = {"range": "custom", "from": str(window.first), "to": str(window.last)}
    return [*(pair for pair in parameters if pair[0] not in days), *days.items()]


def short_enough(address: str) -> str:
    """An address that servers and proxies accept; empty if it is too long."""
    return address if len(address) <= _LONGEST_ADDRESS else ""


def days_of(interval: Interval, zone: ZoneInfo) -> Sequence[object]:
    """The first and the last day of an interval in a zone."""
    edges = interval.start, interval.end - timedelta(microseconds=1)
    return [edge.astimezone(zone).date() for edge in edges]


def slots(window: Window, bucket: Bucket, links: Links, now: datetime) -> list[Slot]:
    """The time axis of a window that is cut into buckets."""
    return [_slot(interval, window, bucket, links, now) for interval in bucket.cut(window.period)]


def _slot(interval: Interval, window: Window, bucket: Bucket, links: Links, now: datetime) -> Slot:
    start = interval.start.astimezone(window.zone)
    is_unfinished = interval.start <= now < interval.end
    first, last = days_of(interval, window.zone)
    return Slot(
        _name(start, bucket),
        _label(start, is_unfinished, window, bucket),
        links.of_time(interval, bucket),
        is_unfinished,
        f"{first}/{last}",
    )


def _name(start: datetime, bucket: Bucket) -> str:
    name = _written(start, _NAMES.get(bucket, _("Y-m-d")))
    return gettext("week of %(day)s") % {"day": name} if bucket is Bucket.WEEK else name


def _written(instant: datetime, format_: str) -> str:
    wanted = gettext(format_)
    quick = _quick(wanted)
    return instant.strftime(quick) if quick else dateformat.format(instant, wanted)


@cache
def _quick(format_: str) -> str:
    """Django's format as one of strftime, which takes a tenth of the time; empty if it needs
    Django."""
    letters = {letter for letter in format_ if letter.isalpha()}
    if not format_.isascii() or not letters <= _CODES.keys() or set(format_) & {"%", "\\"}:
        return ""
    return "".join(_CODES.get(letter, letter) for letter in format_)


def _label(start: datetime, is_unfinished: bool, window: Window, bucket: Bucket) -> str:
    if bucket is Bucket.MONTH:
        return _written(start, _("Y-m"))
    if bucket is not Bucket.HOUR:
        is_today = is_unfinished and bucket is Bucket.DAY
        return gettext("today") if is_today else _written(start, _("m-d"))
    if len(window.days) == 1:
        return gettext("now") if is_unfinished else f"{start:%H:%M}"
    return _written(start, _("m-d")) if start.hour == 0 else ""
