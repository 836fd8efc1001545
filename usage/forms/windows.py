"""A window of days and filters: what every request for usage may contain."""

from datetime import date, datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext

from usage.history.dimensions import Dimension, Filters, InvalidQuery
from usage.history.scope import Scope
from usage.history.windows import Window

EARLIEST_DAY = date(2020, 1, 1)
LATEST_DAY = date(2099, 12, 31)


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
            raise ValidationError(
                gettext("expected a day as YYYY-MM-DD, got %(value)s")
                % {"value": f"{value[:40]!r}"}
            )
        if not EARLIEST_DAY <= day <= LATEST_DAY:
            raise ValidationError(
                gettext("expected a day between %(least)s and %(most)s, got %(value)s")
                % {"least": EARLIEST_DAY, "most": LATEST_DAY, "value": f"{value!r}"}
            )
        return day


@cache
def _zone_names() -> frozenset[str]:
    # The library walks its folders at each call, which takes longer than many a query.
    return frozenset(available_timezones())


class ZoneField(forms.Field):
    """An IANA time zone; empty means the configured one."""

    def to_python(self, value: Any) -> ZoneInfo:
        name = (value or "").strip() or settings.TIME_ZONE
        if name not in _zone_names():
            raise ValidationError(
                gettext("expected an IANA time zone like Europe/Berlin, got %(name)s")
                % {"name": f"{name[:60]!r}"}
            )
        return ZoneInfo(name)


class WindowForm(forms.Form):
    """A window with both days given, as the API wants it."""

    tz = ZoneField(required=False)

    def __init__(self, data: Any = None, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        # `from` is a word of Python, so these two cannot be class attributes.
        self.fields["from"] = DayField(
            error_messages={"required": gettext("expected a day as YYYY-MM-DD, got nothing")}
        )
        self.fields["to"] = DayField(
            error_messages={"required": gettext("expected a day as YYYY-MM-DD, got nothing")}
        )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        self._check_range(cleaned.get("from"), cleaned.get("to"))
        return cleaned

    def _check_range(self, first: Any, last: Any) -> None:
        if first and last:
            if first > last:
                self.add_error(
                    "from",
                    gettext("expected a day not after `to` (%(last)s), got %(first)s")
                    % {"last": last, "first": first},
                )
            elif (last - first).days >= settings.HISTORY_MAX_DAYS:
                self.add_error(
                    "from",
                    gettext("expected at most %(most)s days, got %(days)s")
                    % {"most": settings.HISTORY_MAX_DAYS, "days": (last - first).days + 1},
                )

    def window(self) -> Window:
        """The window of a valid form."""
        return Window(self.cleaned_data["from"], self.cleaned_data["to"], self.cleaned_data["tz"])


class FilteredForm(WindowForm):
    """A window and filters on any dimension, within what the scope may use."""

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
                    gettext("expected nothing, as only staff may filter by it, got %(value)s")
                    % {"value": f"{self.data[dimension.value][:40]!r}"},
                )
        return cleaned

    @property
    def filters(self) -> Filters:
        """The filters of a valid form."""
        found: Filters = self.cleaned_data["filters"]
        return found
