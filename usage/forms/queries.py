"""What may be requested of summary, series and breakdown: period, filters, groups, order and
bucket; errors name each wrong one."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext

from monitoring.web.formats import localized
from usage.forms.windows import EARLIEST_DAY, LATEST_DAY, DayField, FilteredForm
from usage.history.dimensions import Dimension
from usage.history.measures import DURATIONS
from usage.history.scope import Scope
from usage.history.summaries import SummaryQuery
from usage.history.windows import Bucket, Period, fitting_bucket, midnight

DEFAULT_DAYS = 7
MOST_BUCKETS = 1500
# How groups can be ranked, by the name of the measure in JSON.
ORDERS = {
    "attempts": "attempts",
    "requests": "requests",
    "failed": "failed",
    "totalTokens": "total_tokens",
    "costNanoUsd": "cost_nano_usd",
}


class MomentField(DayField):
    """A day, or an instant in ISO 8601; without an offset it is one of the requested
    zone."""

    def to_python(self, value: Any) -> Any:
        if value in self.empty_values or len(value) <= 10:
            return super().to_python(value)
        try:
            instant = datetime.fromisoformat(value.replace(" ", "+"))  # a plus that was not encoded
        except ValueError:
            raise ValidationError(
                gettext(
                    "expected a day as YYYY-MM-DD or an instant as YYYY-MM-DDTHH:MM:SSZ, got "
                    "%(value)s"
                )
                % {"value": f"{value[:40]!r}"}
            ) from None
        if not EARLIEST_DAY <= instant.date() <= LATEST_DAY:
            raise ValidationError(
                gettext("expected an instant between %(first)s and %(last)s, got %(value)s")
                % {"first": EARLIEST_DAY, "last": LATEST_DAY, "value": f"{value[:40]!r}"}
            )
        return instant


class QueryForm(FilteredForm):
    """A period (by default the last seven days), filters, groups and bucket: a query of
    summary, series or breakdown."""

    bucket = forms.CharField(required=False)
    group_by = forms.CharField(required=False)
    order_by = forms.CharField(required=False)
    percentiles = forms.CharField(required=False)
    compare = forms.CharField(required=False)
    top = forms.CharField(required=False)

    def __init__(
        self,
        data: Any = None,
        *,
        scope: Scope,
        max_groups: int = 2,
        top: tuple[int, int] = (100, 1000),
        **kwargs: Any,
    ) -> None:
        super().__init__(data, scope=scope, **kwargs)
        self._max_groups, (self._default_top, self._largest_top) = max_groups, top
        self.fields["from"], self.fields["to"] = (
            MomentField(required=False),
            MomentField(required=False),
        )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if "period" in cleaned and not {"from", "bucket"} & self.errors.keys():
            self._choose_bucket(cleaned["period"])
        return cleaned

    def _check_range(self, first: Any, last: Any) -> None:
        if {"from", "to", "tz"} & self.errors.keys():
            return
        self.cleaned_data["period"] = period = self._period(first, last, self.cleaned_data["tz"])
        if period.start >= period.end:
            self.add_error(
                "from",
                gettext("expected a time before `to`, got %(value)s")
                % {"value": f"{self.data.get('from', '')[:40]!r}"},
            )
        elif (
            days := (period.end - period.start) / timedelta(days=1)
        ) > settings.HISTORY_MAX_DAYS + 1 / 24:  # a day may have 25 hours
            self.add_error(
                "from",
                gettext("expected at most %(most)s days, got %(days)s")
                % {"most": settings.HISTORY_MAX_DAYS, "days": localized(f"{days:.1f}")},
            )

    def _period(self, first: Any, last: Any, zone: ZoneInfo) -> Period:
        last = last or timezone.now().astimezone(zone).date()
        end = (
            _instant(last, zone)
            if isinstance(last, datetime)
            else midnight(last + timedelta(days=1), zone)
        )
        if first is None:
            first = (end - timedelta(microseconds=1)).astimezone(zone).date() - timedelta(
                days=DEFAULT_DAYS - 1
            )
        return Period(
            _instant(first, zone) if isinstance(first, datetime) else midnight(first, zone),
            end,
            zone,
        )

    def _choose_bucket(self, period: Period) -> None:
        self.cleaned_data["bucket"] = bucket = self.cleaned_data.get("bucket") or fitting_bucket(
            period
        )
        if len(list(islice(bucket.cut(period), MOST_BUCKETS + 1))) > MOST_BUCKETS:
            self.add_error(
                "bucket",
                gettext(
                    "expected a bucket that cuts the period into at most %(most)s parts, "
                    "got %(value)s"
                )
                % {"most": MOST_BUCKETS, "value": f"{bucket.value!r}"},
            )

    def clean_bucket(self) -> Bucket | None:
        text = self.cleaned_data["bucket"]
        return Bucket(_one_of(text, [bucket.value for bucket in Bucket])) if text else None

    def clean_group_by(self) -> tuple[Dimension, ...]:
        names = [name for text in self._all("group_by") for name in text.split(",") if name]
        groups = tuple(
            Dimension(_one_of(name, [dimension.value for dimension in Dimension]))
            for name in dict.fromkeys(names)
        )
        if len(groups) > self._max_groups:
            raise ValidationError(
                gettext("expected at most %(most)s dimensions, got %(number)s")
                % {"most": self._max_groups, "number": len(groups)}
            )
        if hidden := [
            group.value for group in groups if group.is_for_staff and not self.scope.sees_everything
        ]:
            raise ValidationError(
                gettext("expected no dimension that only staff may use, got %(name)s")
                % {"name": f"{hidden[0]!r}"}
            )
        return groups

    def clean_order_by(self) -> str:
        return ORDERS[_one_of(self.cleaned_data["order_by"] or "attempts", ORDERS)]

    def clean_percentiles(self) -> tuple[str, ...]:
        names = [name for text in self._all("percentiles") for name in text.split(",") if name]
        return tuple(_one_of(name, DURATIONS) for name in dict.fromkeys(names))

    def clean_compare(self) -> bool:
        text = self.cleaned_data["compare"]
        return bool(text) and _one_of(text, ["previous"]) == "previous"

    def clean_top(self) -> int:
        text = self.cleaned_data["top"] or str(self._default_top)
        if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= self._largest_top):
            raise ValidationError(
                gettext("expected a whole number from 1 to %(most)s, got %(text)s")
                % {"most": self._largest_top, "text": f"{text[:40]!r}"}
            )
        return int(text)

    def _all(self, name: str) -> list[str]:
        texts: list[str] = self.data.getlist(name)  # type: ignore[attr-defined]
        return texts

    def query(self) -> SummaryQuery:
        """The query of a valid form."""
        c = self.cleaned_data
        return SummaryQuery(
            c["period"],
            self.scope,
            self.filters,
            c["bucket"],
            c["group_by"],
            c["percentiles"],
            c["top"],
            c["order_by"],
            c["compare"],
        )


def _instant(moment: datetime, zone: ZoneInfo) -> datetime:
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


def _one_of(text: str, accepted: Iterable[str]) -> str:
    if text not in accepted:
        raise ValidationError(
            gettext("expected one of %(names)s, got %(text)s")
            % {"names": ", ".join(accepted), "text": f"{text[:40]!r}"}
        )
    return text
