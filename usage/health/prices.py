"""What the doctor shows of prices: traffic without a price, and a catalogue that has grown old."""

from collections.abc import Iterator
from datetime import timedelta

from django.db.models import F, Max, Subquery, Sum
from django.utils import timezone
from django.utils.translation import gettext

from monitoring.health import Action, Finding, Level
from monitoring.templatetags.figures import percent
from monitoring.web.formats import day
from usage.models import PriceCatalogue, UsageDailyOverall

# Providers change their prices every few months.
OLD = timedelta(days=90)
# Less of a week's attempts without a price is no trouble.
MOST_UNPRICED = 0.05


def check_prices() -> Iterator[Finding]:
    """Findings about what the costs of the last week lack; none where nothing was used. One
    statement, since every page of staff runs the checks."""
    here = Action(gettext("Prices"), "prices:list", is_link=True)
    since = timezone.localdate() - timedelta(days=7)
    sums = UsageDailyOverall.objects.filter(bucket__gte=since).aggregate(
        unpriced=Sum(F("attempts") - F("priced")),
        all=Sum("attempts"),
        confirmed=Max(Subquery(PriceCatalogue.objects.values("confirmed_at")[:1])),
    )
    if sums["all"] and sums["unpriced"] > MOST_UNPRICED * sums["all"]:
        yield Finding(
            Level.NOTICE,
            gettext("%(share)s of the last week's attempts have no cost.")
            % {"share": percent(100 * sums["unpriced"] / sums["all"])},
            gettext("Costs leave them out: the real ones are higher."),
            gettext("Set a price for the models that the page Prices lists first."),
            action=here,
        )
    confirmed = sums["confirmed"]
    if confirmed and timezone.now() - confirmed > OLD:
        yield Finding(
            Level.NOTICE,
            gettext("The catalogue of prices was last confirmed on %(confirmed)s.")
            % {"confirmed": day(timezone.localtime(confirmed))},
            gettext("Prices that changed since are missed."),
            gettext("Update it on the page Prices, or upgrade the package genai-prices."),
            action=here,
        )
