"""What may be asked of history, as forms: bounds, defaults and the conversion to a window."""

from datetime import date, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils import timezone

from usage.events.export import Format
from usage.events.pages import LARGEST_PAGE
from usage.events.query import Cursor, EventQuestion
from usage.history.dimensions import Dimension, Filters, InvalidQuery
from usage.history.scope import Scope
from usage.history.windows import Bucket, Window, fitting_bucket
from usage.web.page_queries import PageQuestion

RANGES = (
    ("today", "Today"),
    ("7d", "7 days"),
    ("30d", "30 days"),
    ("90d", "90 days"),
    ("custom", "Custom"),
)
_DAYS = {"today": 1, "7d": 7, "30d": 30, "90d": 90}
EARLIEST_DAY = date(2020, 1, 1)
LATEST_DAY = date(2099, 12, 31)
DEFAULT_PAGE = 100
MOST_HOURS = timedelta(days=14)
_DIMENSIONS = [(dimension.value, dimension.label) for dimension in Dimension]
# How far the clock of an upstream may run ahead.
_AHEAD = timedelta(days=2)


class DayField(forms.Field):
    """A day as YYYY-MM-DD; the error says what was got."""

    def to_python(self, value: Any) -> date | None:
        if value in self.empty_values:
            return None
        try:
            day = datetime.strptime(value, "%Y-%m-%d").date() if len(value) == 10 else None  # noqa: DTZ007
        except ValueError:
            day = None
        if day is None:
            raise ValidationError(f"expected a day as YYYY-MM-DD, got {value[:40]!r}")
        if not EARLIEST_DAY <= day <= LATEST_DAY:
            raise ValidationError(
                f"expected a day between {EARLIEST_DAY} and {LATEST_DAY}, got {value!r}"
            )
        return day


@cache
def _zone_names() -> frozenset[str]:
    # The library walks its folders at each call, which takes longer than many an answer.
    return frozenset(available_timezones())


class ZoneField(forms.Field):
    """An IANA time zone; empty means the configured one."""

    def to_python(self, value: Any) -> ZoneInfo:
        name = value or settings.TIME_ZONE
        if name not in _zone_names():
            raise ValidationError(
                f"expected an IANA time zone like Europe/Berlin, got {name[:60]!r}"
            )
        return ZoneInfo(name)


class WindowForm(forms.Form):
    """A window with both days given, as the API wants it."""

    tz = ZoneField(required=False)

    def __init__(self, data: Any = None, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        # `from` is a word of Python, so these two cannot be class attributes.
        self.fields["from"] = DayField(
            error_messages={"required": "expected a day as YYYY-MM-DD, got nothing"}
        )
        self.fields["to"] = DayField(
            error_messages={"required": "expected a day as YYYY-MM-DD, got nothing"}
        )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        self._check_range(cleaned.get("from"), cleaned.get("to"))
        return cleaned

    def _check_range(self, first: Any, last: Any) -> None:
        if first and last:
            if first > last:
                self.add_error("from", f"expected a day not after `to` ({last}), got {first}")
            elif (last - first).days >= settings.HISTORY_MAX_DAYS:
                self.add_error(
                    "from",
                    f"expected at most {settings.HISTORY_MAX_DAYS} days, got"
                    f" {(last - first).days + 1}",
                )

    def window(self) -> Window:
        """The window of a valid form."""
        return Window(self.cleaned_data["from"], self.cleaned_data["to"], self.cleaned_data["tz"])


class FilteredForm(WindowForm):
    """A window and filters on any dimension, within what the scope may ask by."""

    def __init__(self, data: Any = None, *, scope: Scope, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self.scope = scope
        # So that an error can name the dimension; the values are read all together.
        self.fields.update(
            {dimension.value: forms.Field(required=False) for dimension in Dimension}
        )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        cleaned["filters"] = Filters()
        try:
            cleaned["filters"] = filters = Filters.from_query(self.data)  # type: ignore[arg-type]
        except InvalidQuery as wrong:
            for name, text in wrong.fields.items():
                self.add_error(name, text)
            return cleaned
        for dimension in filters.dimensions:
            if dimension.is_for_staff and not self.scope.sees_everything:
                self.add_error(
                    dimension.value,
                    "expected nothing, as only staff may ask by it, got"
                    f" {self.data[dimension.value][:40]!r}",
                )
        return cleaned

    @property
    def filters(self) -> Filters:
        """The filters of a valid form."""
        found: Filters = self.cleaned_data["filters"]
        return found


class PagedFields(forms.Form):
    """A page of a list of events, behind a cursor."""

    limit = forms.Field(required=False)
    cursor = forms.CharField(required=False)
    request_id = forms.CharField(
        required=False,
        max_length=64,
        error_messages={"max_length": "expected at most 64 characters, got %(show_value)d"},
    )

    def clean_limit(self) -> int:
        text = self.cleaned_data["limit"] or str(DEFAULT_PAGE)
        if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= LARGEST_PAGE):
            raise ValidationError(
                f"expected a whole number from 1 to {LARGEST_PAGE}, got {text[:40]!r}"
            )
        return int(text)

    def clean_cursor(self) -> Cursor | None:
        text = self.cleaned_data["cursor"]
        try:
            return Cursor.parse(text) if text else None
        except ValueError as error:
            raise ValidationError(str(error)) from error


class EventForm(PagedFields, FilteredForm):
    """Events of a window, by default the longest one that ends today; one page of them behind a
    cursor."""

    def __init__(self, data: Any = None, *, scope: Scope, **kwargs: Any) -> None:
        super().__init__(data, scope=scope, **kwargs)
        self.fields["from"].required = self.fields["to"].required = False

    def clean(self) -> dict[str, Any]:
        zone = self.cleaned_data.get("tz") or ZoneInfo(settings.TIME_ZONE)
        today, longest = (
            timezone.now().astimezone(zone).date(),
            timedelta(days=settings.HISTORY_MAX_DAYS - 1),
        )
        if "to" not in self.errors and "from" not in self.errors:
            first, last = self.cleaned_data["from"], self.cleaned_data["to"]
            # Upstream clocks may run ahead, so an open end is a little beyond today.
            self.cleaned_data["to"] = last = last or (
                min(first + longest, today + _AHEAD) if first else today + _AHEAD
            )
            self.cleaned_data["from"] = first or max(last - longest, EARLIEST_DAY)
        return super().clean()

    def question(self) -> EventQuestion:
        """The question of a valid form."""
        return _event_question(self)


def _event_question(form: FilteredForm) -> EventQuestion:
    window = form.window()
    return EventQuestion(
        window.start, window.end, form.scope, form.filters, form.cleaned_data.get("request_id", "")
    )


class ExportForm(EventForm):
    """Events of a window as a file."""

    format = forms.CharField(required=False)

    def clean_format(self) -> Format:
        text = self.cleaned_data["format"] or Format.CSV.value
        try:
            return Format(text)
        except ValueError:
            raise ValidationError(
                f"expected one of {', '.join(f.value for f in Format)}, got {text[:40]!r}"
            ) from None


class HistoryForm(FilteredForm):
    """The filter bar of the pages: a named range, or two days, and filters."""

    range = forms.ChoiceField(choices=RANGES, required=False)

    def __init__(self, data: Any = None, *, scope: Scope, **kwargs: Any) -> None:
        super().__init__(data, scope=scope, **kwargs)
        self.fields["from"].required = self.fields["to"].required = False

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if "from" in self.errors or "to" in self.errors:
            return cleaned
        first, last = cleaned.get("from"), cleaned.get("to")
        chosen = cleaned.get("range") or ("custom" if first or last else "7d")
        today = timezone.now().astimezone(cleaned.get("tz") or ZoneInfo(settings.TIME_ZONE)).date()
        if chosen != "custom":
            cleaned["from"], cleaned["to"] = today - timedelta(days=_DAYS[chosen] - 1), today
        else:
            cleaned["to"] = last or max(today, first or today)
            cleaned["from"] = first or cleaned["to"] - timedelta(days=6)
            if cleaned["from"] > cleaned["to"]:
                self.add_error(
                    "from",
                    f"expected a day not after `to` ({cleaned['to']}), got {cleaned['from']}",
                )
        cleaned["range"] = chosen
        return cleaned

    def asked(self) -> dict[str, str]:
        """What the bar shows: the window of a valid form, else what was typed."""
        if self.is_valid():
            window = self.window()
            return {"first": str(window.first), "last": str(window.last), "tz": window.zone.key}
        return {
            "first": self.data.get("from", ""),
            "last": self.data.get("to", ""),
            "tz": self.data.get("tz", ""),
        }


class EventListForm(PagedFields, HistoryForm):
    """The events page: the filter bar, and a page of the list."""

    def question(self) -> EventQuestion:
        """The question of a valid form."""
        return _event_question(self)


class UsageForm(HistoryForm):
    """The usage page: the filter bar, how finely its charts are cut, and by which one or two
    dimensions it is broken down."""

    bucket = forms.ChoiceField(
        choices=[(bucket.value, bucket.value.capitalize()) for bucket in Bucket], required=False
    )
    by = forms.ChoiceField(choices=_DIMENSIONS, required=False)
    and_by = forms.ChoiceField(choices=_DIMENSIONS, required=False)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        for name in ("by", "and_by"):
            if (
                (value := cleaned.get(name))
                and Dimension(value).is_for_staff
                and not self.scope.sees_everything
            ):
                self.add_error(
                    name, f"expected no dimension that only staff may ask by, got {value!r}"
                )
        if self.errors:
            return cleaned
        period = self.window().period
        cleaned["bucket"] = bucket = (
            Bucket(cleaned["bucket"]) if cleaned["bucket"] else fitting_bucket(period)
        )
        if bucket is Bucket.HOUR and period.end - period.start > MOST_HOURS:
            self.add_error(
                "bucket",
                f"expected hours of at most {MOST_HOURS.days} days, got {len(self.window().days)}"
                " days",
            )
        return cleaned

    def refuse(self, wrong: InvalidQuery) -> None:
        """Add what only turned out when the question was asked."""
        for name, text in wrong.fields.items():
            self.add_error(name, text)

    def page_question(self) -> PageQuestion:
        """The question of a valid form."""
        c = self.cleaned_data
        groups = dict.fromkeys(
            Dimension(name) for name in (c["by"] or Dimension.KEY.value, c["and_by"]) if name
        )
        return PageQuestion(self.window(), self.scope, self.filters, c["bucket"], tuple(groups))

    def event_question(self) -> EventQuestion:
        """The events of the window."""
        return _event_question(self)
