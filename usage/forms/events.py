"""A page of events, or all of them as a file."""

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from usage.events.export import Format
from usage.events.pages import LARGEST_PAGE
from usage.events.query import Cursor, EventQuery
from usage.forms.windows import EARLIEST_DAY, FilteredForm
from usage.history.scope import Scope
from usage.history.windows import WeekHour

DEFAULT_PAGE = 100
# How far the clock of an upstream may run ahead.
_AHEAD = timedelta(days=2)


class PagedFields(forms.Form):
    """A page of a list of events, behind a cursor."""

    limit = forms.Field(required=False)
    # Of the week, in the window's zone.
    hour = forms.CharField(required=False)
    cursor = forms.CharField(required=False)
    request_id = forms.CharField(
        required=False,
        max_length=64,
        error_messages={"max_length": _("expected at most 64 characters, got %(show_value)d")},
    )

    def clean_limit(self) -> int:
        text = self.cleaned_data["limit"] or str(DEFAULT_PAGE)
        if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= LARGEST_PAGE):
            raise ValidationError(
                gettext("expected a whole number from 1 to %(most)s, got %(text)s")
                % {"most": LARGEST_PAGE, "text": f"{text[:40]!r}"}
            )
        return int(text)

    def clean_hour(self) -> WeekHour | None:
        text = self.cleaned_data["hour"]
        try:
            return WeekHour.parse(text) if text else None
        except ValueError:
            raise ValidationError(
                gettext("expected an hour of the week like 1-14 (Monday, 14:00), got %(value)s")
                % {"value": f"{text[:40]!r}"}
            ) from None

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

    def clean(self) -> dict[str, object]:
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

    def query(self) -> EventQuery:
        """The query of a valid form."""
        return event_query(self)


def event_query(form: FilteredForm) -> EventQuery:
    """The query of a valid form."""
    window, hour = form.window(), form.cleaned_data.get("hour")
    return EventQuery(
        window.start,
        window.end,
        form.scope,
        form.filters,
        form.cleaned_data.get("request_id", ""),
        hour.within(window) if hour else None,
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
                gettext("expected one of %(names)s, got %(text)s")
                % {"names": ", ".join(f.value for f in Format), "text": f"{text[:40]!r}"}
            ) from None
