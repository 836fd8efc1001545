"""The filter bar of the pages: a named range or two days, filters, and what each page adds."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from usage.events.query import EventQuery
from usage.failure_report.report import ReportQuery
from usage.forms.events import PagedFields, event_query
from usage.forms.windows import FilteredForm
from usage.history.dimensions import Dimension, InvalidQuery
from usage.history.scope import Scope
from usage.history.windows import Bucket, fitting_bucket
from usage.web.page_queries import PageQuery

RANGES = (
    ("today", _("Today")),
    ("yesterday", _("Yesterday")),
    ("7d", _("7 days")),
    ("30d", _("30 days")),
    ("90d", _("90 days")),
    ("custom", _("Custom")),
)
# How many days ago a range begins and ends.
_DAYS_AGO = {"today": (0, 0), "yesterday": (1, 1), "7d": (6, 0), "30d": (29, 0), "90d": (89, 0)}
# What the second chart of the usage page is of.
MEASURES = (("tokens", _("Tokens")), ("cost", _("Cost")))
MOST_HOURS = timedelta(days=14)
DIMENSIONS = [(dimension.value, dimension.label) for dimension in Dimension]


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
            cleaned["from"], cleaned["to"] = (today - timedelta(days=n) for n in _DAYS_AGO[chosen])
        else:
            cleaned["to"] = last or max(today, first or today)
            cleaned["from"] = first or cleaned["to"] - timedelta(days=6)
            if cleaned["from"] > cleaned["to"]:
                self.add_error(
                    "from",
                    gettext("expected a day not after `to` (%(last)s), got %(first)s")
                    % {"last": cleaned["to"], "first": cleaned["from"]},
                )
        cleaned["range"] = chosen
        return cleaned

    @property
    def is_narrowed(self) -> bool:
        """Whether a valid form accepts less than all events of its window."""
        return bool(self.filters or self.cleaned_data.get("hour"))

    def refuse(self, wrong: InvalidQuery) -> None:
        """Add what only turned out when the query was planned."""
        for name, text in wrong.fields.items():
            self.add_error(name, text)

    def shown(self) -> dict[str, str]:
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

    def query(self) -> EventQuery:
        """The query of a valid form."""
        return event_query(self)


class WhatIfForm(HistoryForm):
    """The page "What if": the filter bar, and the model whose prices are applied."""

    as_model = forms.CharField(required=False, max_length=250)


class CutForm(HistoryForm):
    """The filter bar, and how finely charts are cut."""

    bucket = forms.ChoiceField(
        choices=[(bucket.value, bucket.value.capitalize()) for bucket in Bucket], required=False
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if self.errors:
            return cleaned
        period = self.window().period
        cleaned["bucket"] = bucket = (
            Bucket(cleaned["bucket"]) if cleaned["bucket"] else fitting_bucket(period)
        )
        if bucket is Bucket.HOUR and period.end - period.start > MOST_HOURS:
            self.add_error(
                "bucket",
                gettext("expected hours of at most %(days)s days, got %(number)s days")
                % {"days": MOST_HOURS.days, "number": len(self.window().days)},
            )
        return cleaned

    def refuse_hidden(self, *names: str) -> None:
        """Refuse, in the fields of these names, dimensions that only staff may use."""
        for name in names:
            value = self.cleaned_data.get(name)
            if value and Dimension(value).is_for_staff and not self.scope.sees_everything:
                self.add_error(
                    name,
                    gettext("expected no dimension that only staff may use, got %(value)s")
                    % {"value": f"{value!r}"},
                )


class FailuresForm(CutForm):
    """The Failures page."""

    def report_query(self, now: datetime) -> ReportQuery:
        """The query of a valid form."""
        window = self.window()
        return ReportQuery(
            window.period,
            window.before(now),
            self.scope,
            self.filters,
            self.cleaned_data["bucket"],
        )


class UsageForm(CutForm):
    """The usage page: the filter bar, and by which one or two dimensions it is broken down."""

    by = forms.ChoiceField(choices=DIMENSIONS, required=False)
    and_by = forms.ChoiceField(choices=DIMENSIONS, required=False)
    measure = forms.ChoiceField(choices=MEASURES, required=False)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        self.refuse_hidden("by", "and_by")
        return cleaned

    def page_query(self) -> PageQuery:
        """The query of a valid form."""
        c = self.cleaned_data
        groups = dict.fromkeys(
            Dimension(name) for name in (c["by"] or Dimension.KEY.value, c["and_by"]) if name
        )
        return PageQuery(
            self.window(),
            self.scope,
            self.filters,
            c["bucket"],
            tuple(groups),
            c["measure"] == "cost",
        )

    def event_query(self) -> EventQuery:
        """The events of the window."""
        return event_query(self)
