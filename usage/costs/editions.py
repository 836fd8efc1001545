"""Editions of the catalogue: what the package ships, and what was fetched since.

The newest row is in force, in all processes. An edition that cannot be read or fetched changes
nothing: the last good one stays, and its age is shown.
"""

import logging
import zlib

from django.db.models import Max

from usage.costs import catalogue as catalogues
from usage.costs.catalogue import Catalogue
from usage.models import PriceCatalogue

logger = logging.getLogger(__name__)


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
        logger.error("Edition of the catalogue unreadable", extra={"error": str(error)[:200]})
        return shipped
