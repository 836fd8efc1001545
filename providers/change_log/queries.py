"""Reading intents."""

from django.contrib.auth.models import User
from django.db.models import QuerySet

from management_proxy.models import Upstream
from providers.models import Intent


def visible_intents(user: User, upstream: Upstream | None = None) -> QuerySet[Intent]:
    """Newest first: all for staff, for others what they requested themselves."""
    intents = Intent.objects.select_related("upstream").defer("change_encrypted")
    if upstream:
        intents = intents.filter(upstream=upstream)
    return intents if user.is_staff else intents.filter(actor=user)


def waiting_places() -> dict[int, int]:
    """How many changes are before each waiting one of its upstream, by id."""
    waiting = (
        Intent.objects.filter(state__in=(Intent.State.REQUESTED, Intent.State.APPLIED))
        .order_by("pk")
        .values_list("pk", "upstream_id")
    )
    counts: dict[int, int] = {}
    places: dict[int, int] = {}
    for pk, upstream_id in waiting:
        places[pk] = counts.get(upstream_id, 0)
        counts[upstream_id] = places[pk] + 1
    return places
