"""What the pages of reports share: filter bar, what else can be chosen, polled region."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext

from monitoring.web.regions import asks_for_region, polled_page
from usage.collector.status import collector_status
from usage.currencies.queries import showing_of
from usage.history.dimensions import Dimension, InvalidQuery
from usage.history.result_cache import Result
from usage.history.scope import Scope
from usage.history.windows import Bucket, present_quarter
from usage.web.filter_bar import Menu, filter_bar, query_pairs
from usage.web.forms import MOST_HOURS, CutForm

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing beside time and filters that a reader chooses: a parameter, its values with their
    labels, and the one that holds."""

    name: str
    label: str
    options: Sequence[tuple[str, str]]
    chosen: str


class ReportForm(CutForm):
    """The filter bar of a report, and its choices."""

    def choices(self, menus: Sequence[Menu]) -> list[Choice]:
        """What is chosen in a valid form; `menus` are those of the filter bar."""
        raise NotImplementedError


def dimension_options(scope: Scope, dimensions: Iterable[Dimension]) -> list[tuple[str, str]]:
    """The dimensions that a reader may use, with their labels."""
    return [(d.value, d.label) for d in dimensions if scope.sees_everything or not d.is_for_staff]


def bucket_choice(form: CutForm) -> Choice:
    """How finely the charts of a valid form are cut."""
    window, buckets = form.window(), list(Bucket)
    if window.period.end - window.period.start > MOST_HOURS:
        buckets.remove(Bucket.HOUR)
    options = [(bucket.value, bucket.label) for bucket in buckets]
    return Choice("bucket", gettext("Interval"), options, form.cleaned_data["bucket"].value)


def report_page(
    request: HttpRequest,
    form: ReportForm,
    template: str,
    read: Callable[[], Result[T] | None],
    figures: Callable[[T], dict[str, object]],
    *,
    beside: Callable[[], object] = lambda: None,
) -> HttpResponse:
    """The page with its filter bar, or the polled region for htmx.

    `read` gets the result of a valid form, None if there is nothing to read yet, and may raise
    InvalidQuery; `figures` draw its value, unless the region shows that already. `beside` is what
    else they show of the database. All in the time zone and currency of the page.
    """
    context: dict[str, object] = {"form": form, "as_of": None, "found": None}
    if not form.is_valid():
        return _refused(request, form, template, context)
    window = form.window()
    with timezone.override(window.zone), showing_of(request.user, window.last):
        try:
            result = read()
        except InvalidQuery as wrong:
            form.refuse(wrong)
            return _refused(request, form, template, context)
        context |= {"window": window, "collector": collector_status()}
        if result:
            context["as_of"] = result.as_of
        if not asks_for_region(request):
            context |= _bar(request, form)
        if result is None:
            return polled_page(request, template, context)
        return polled_page(
            request,
            template,
            context,
            version=(result.version, beside(), present_quarter()),
            drawn=lambda: figures(result.value),
        )


def _refused(
    request: HttpRequest, form: ReportForm, template: str, context: dict[str, object]
) -> HttpResponse:
    return render(request, template, context | _bar(request, form), status=400)


def _bar(request: HttpRequest, form: ReportForm) -> dict[str, object]:
    bar = filter_bar(request, form)
    choices = form.choices(bar["menus"]) if form.is_valid() else []
    names = {choice.name for choice in choices}
    beside = [pair for pair in query_pairs(request) if pair[0] not in names]
    return bar | {"choices": choices, "beside_choices": beside}
