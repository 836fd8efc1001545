"""Editions of the catalogue: what the package ships, and what was fetched since.

    shipped --seen first--> row            fetched --checked against the one in force--> row

* The newest row is in force, in all processes. Rows are never changed but for `confirmed_at`, when
  a fetch finds the same again.
* An edition that cannot be fetched or read, or whose prices cannot be true, changes nothing: the
  last good one stays, and its age is shown.
* Events keep the versions that they were priced by, whatever edition comes after.
"""

import json
import logging
import zlib
from datetime import datetime
from statistics import median

from django.db.models import Max
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext
from genai_prices.update_prices import DEFAULT_UPDATE_URL

from management_proxy.client.public_files import FileUnavailable, fetch
from monitoring.web.formats import localized
from usage import log_kinds as kinds
from usage.costs import catalogue as catalogues
from usage.costs.catalogue import Catalogue
from usage.costs.digests import half_digest
from usage.costs.rates import Rates
from usage.models import PriceCatalogue

logger = logging.getLogger(__name__)

MOST_BYTES = 16 * 1024 * 1024
# No model's price is multiplied by this overnight.
ABSURD = 1000
# At least so much of the models of the edition in force must be in one that replaces it.
LEAST_KEPT = 0.5


class UpdateRefused(Exception):
    """The catalogue was not updated; the message states why."""


def newest_id() -> int:
    """The id of the edition in force; 0 before any was seen."""
    return PriceCatalogue.objects.aggregate(last=Max("pk"))["last"] or 0


def in_force() -> Catalogue:
    """The edition in force. Makes a row of the one that the package ships when it is seen first."""
    shipped = catalogues.shipped()
    if not PriceCatalogue.objects.filter(digest=shipped.digest).exists():
        PriceCatalogue.objects.get_or_create(
            digest=shipped.digest, defaults={"source": shipped.source}
        )
    row = PriceCatalogue.objects.order_by("-pk").first()
    if row is None or row.data is None:
        return shipped
    try:
        return catalogues.stored(row.source, row.digest, bytes(row.data))
    except (ValueError, zlib.error) as error:
        kinds.EDITION_UNREADABLE.log(logger, logging.ERROR, error=str(error)[:200])
        return shipped


def confirmed_at() -> datetime | None:
    """When the edition in force was last found to be the newest."""
    return PriceCatalogue.objects.values_list("confirmed_at", flat=True).first()


def update(url: str = DEFAULT_UPDATE_URL) -> str:
    """Fetch the newest edition and put it in force; what came of it, as a sentence. Raises
    UpdateRefused."""
    present = in_force()
    try:
        content = fetch(url, MOST_BYTES)
        json.loads(content)
        source = gettext("genai-prices of %(now)s") % {"now": f"{timezone.now():%Y-%m-%d}"}
        data, digest = zlib.compress(content), half_digest(content)
        fetched = catalogues.stored(source, digest, data)
    except FileUnavailable as error:
        raise UpdateRefused(
            gettext("the catalogue could not be fetched: %(error)s") % {"error": error}
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise UpdateRefused(
            gettext("what was fetched is no catalogue: %(name)s") % {"name": type(error).__name__}
        ) from error
    if doubt := _doubt(present, fetched):
        raise UpdateRefused(
            gettext("the fetched catalogue cannot be true: %(doubt)s") % {"doubt": doubt}
        )
    row, is_new = PriceCatalogue.objects.get_or_create(
        digest=digest, defaults={"source": source, "data": data}
    )
    PriceCatalogue.objects.filter(pk=row.pk).update(confirmed_at=Now())
    return (
        gettext("The prices are those of %(source)s.") % {"source": source}
        if is_new
        else gettext("The prices are the newest already.")
    )


def _doubt(present: Catalogue, fetched: Catalogue) -> str:
    """Why an edition cannot be true, as a sentence; empty if nothing speaks against it."""
    for model in fetched.models():
        if not model.is_possible:
            return gettext("a price of %(reference)s is below zero or beyond all others") % {
                "reference": model.reference
            }
    before, after = (_prices(edition) for edition in (present, fetched))
    kept = before.keys() & after.keys()
    if len(kept) < LEAST_KEPT * len(before):
        return gettext("it lacks %(missing)s of %(all)s models") % {
            "missing": localized(f"{len(before) - len(kept):,}"),
            "all": localized(f"{len(before):,}"),
        }
    for reference in sorted(kept):
        old, new = before[reference], after[reference]
        for one, other in ((old.input, new.input), (old.output, new.output)):
            if one and other and not 1 / ABSURD < other / one < ABSURD:
                return gettext("%(reference)s would cost %(times)s times as much") % {
                    "reference": reference,
                    "times": localized(f"{other / one:,.4g}"),
                }
    if kept and not median(after[reference].output for reference in kept):
        return gettext("most models would be free")
    return ""


def _prices(edition: Catalogue) -> dict[str, Rates]:
    """The rates of every model that has a price now."""
    now = timezone.now()
    steps = ((model.reference, model.steps(now, "")) for model in edition.models())
    return {reference: found[0].rates for reference, found in steps if found}
