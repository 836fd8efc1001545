"""What staff change about prices; each act is audited.

A price that holds already is never edited: a later one of the same scope takes over on its day,
and one may be ended. What is stored keeps its cost until it is recomputed.
"""

from datetime import date

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext, gettext_noop

from monitoring.audit import trail
from monitoring.texts.recorded import Recorded
from usage.costs.own_prices import scope_digest
from usage.models import OwnPrice

_OWN_PRICE = Recorded(gettext_noop("own price #%(number)s (%(kind)s)"))


class Overlaps(Exception):
    """Another own price of the same scope holds on some of the days; `other` is it."""

    def __init__(self, other: OwnPrice | None) -> None:
        self.other = other
        super().__init__(
            _overlap(other) if other else gettext("another own price holds for the same traffic")
        )


def _overlap(other: OwnPrice) -> str:
    text = (
        gettext("own price %(price)s holds from %(first)s until %(end)s for the same traffic")
        if other.holds_until
        else gettext("own price %(price)s holds from %(first)s for the same traffic")
    )
    return text % {"price": other, "first": other.holds_from, "end": other.holds_until}


def set_price(price: OwnPrice, actor: User) -> OwnPrice | None:
    """Store a new own price; the one that it takes over from on its first day, if any.

    Raises Overlaps where an own price of the same layer and scope begins on or after that day and
    before its end, or was given an end after it.
    """
    price.scope_digest, price.created_by = scope_digest(price), actor
    try:
        with transaction.atomic():
            before = _before(price)
            if before is not None:
                _end(before, price.holds_from)
            price.save()
    except IntegrityError as error:
        raise Overlaps(None) from error
    _audit(actor, "own_price.set", price)
    return before


def end_price(price: OwnPrice, day: date, actor: User) -> bool:
    """Let an own price hold no more from a day on, which must be after its first; whether it did
    until then."""
    if day <= price.holds_from or (price.holds_until and price.holds_until <= day):
        return False
    _end(price, day)
    _audit(actor, "own_price.ended", price)
    return True


def withdraw_price(price: OwnPrice, actor: User) -> bool:
    """Delete an own price that does not hold yet; whether it did not."""
    if price.holds_from <= timezone.localdate():
        return False
    _audit(actor, "own_price.withdrawn", price)
    price.delete()
    return True


def _before(price: OwnPrice) -> OwnPrice | None:
    """The open-ended one of the same scope that began earlier. Raises Overlaps."""
    same = OwnPrice.objects.select_for_update().filter(scope_digest=price.scope_digest)
    holding = same.filter(Q(holds_until__isnull=True) | Q(holds_until__gt=price.holds_from))
    if price.holds_until:
        holding = holding.filter(holds_from__lt=price.holds_until)
    found = list(holding.order_by("holds_from"))
    if not found:
        return None
    if len(found) > 1 or found[0].holds_until or found[0].holds_from >= price.holds_from:
        raise Overlaps(found[-1])
    return found[0]


def _end(price: OwnPrice, day: date) -> None:
    OwnPrice.objects.filter(pk=price.pk).update(holds_until=day, changed_at=Now())
    price.refresh_from_db()


def _audit(actor: User, action: str, price: OwnPrice) -> None:
    trail.record(
        actor,
        action,
        _OWN_PRICE(number=price.pk, kind=price.kind),
        outcome=trail.Outcome.SUCCEEDED,
        detail={
            "provider": price.provider,
            "model": price.model,
            "from": price.holds_from.isoformat(),
            "until": price.holds_until.isoformat() if price.holds_until else "",
        },
    )
