"""What the pages of prices show."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from monitoring.texts.recorded import in_language
from monitoring.web.formats import localized, money
from usage.costs.own_prices import Kind, Traffic, in_force
from usage.costs.price_book import PriceBook
from usage.costs.rates import shown_dollars
from usage.models import OwnPrice

SHOWN_DAYS = 30
_MOST_MODELS = 200


@dataclass(frozen=True)
class ModelInUse:
    """A model of the last days: what of its traffic has a cost, and how it is priced today."""

    provider: str
    model: str
    attempts: int
    unpriced: int
    tokens: int
    share: float
    reference: str
    how: str
    rates: str

    @property
    def has_price(self) -> bool:
        """Whether it would be priced today."""
        return bool(self.rates)


def models_in_use(book: PriceBook) -> list[ModelInUse]:
    """Every model of the last `SHOWN_DAYS`, without a price first, then by tokens; `share` is its
    percentage of all tokens."""
    first = timezone.localdate() - timedelta(days=SHOWN_DAYS - 1)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            /* usage.prices.models_in_use */
            SELECT s.provider, s.model, sum(u.attempts)::bigint, sum(u.attempts - u.priced)::bigint,
                coalesce(sum(u.total_tokens), 0)::bigint, sum(sum(u.total_tokens)) OVER ()
            FROM usage_usagedaily AS u JOIN usage_usageseries AS s ON s.id = u.series_id
            WHERE u.bucket >= %s GROUP BY 1, 2 ORDER BY 5 DESC LIMIT %s
            """,
            [first, _MOST_MODELS],
        )
        found = [_in_use(book, *row) for row in cursor.fetchall()]
    return sorted(found, key=lambda row: (row.has_price, -row.tokens))


def _in_use(
    book: PriceBook,
    provider: str,
    model: str,
    attempts: int,
    unpriced: int,
    tokens: int,
    all_tokens: Decimal | None,
) -> ModelInUse:
    now = timezone.now()
    terms = book.terms(Traffic(provider, model), now, "")
    own = book.own_prices.of("match", Traffic(provider, model), timezone.localdate())
    found = None if own else book.match_of(provider, model)
    how = (
        gettext("as own price #%(pk)s has it") % {"pk": own.pk}
        if own
        else ", ".join(map(in_language, found.steps if found else ()))
    )
    return ModelInUse(
        provider,
        model,
        attempts,
        unpriced,
        tokens,
        100 * tokens / float(all_tokens) if all_tokens else 0.0,
        terms[0].catalogue_model if terms else "",
        how if terms and terms[0].catalogue_model else "",
        f"{_dollars(terms[0].paid.input)} / {_dollars(terms[0].paid.output)}" if terms else "",
    )


@dataclass(frozen=True)
class OwnPriceRow:
    """An own price as the list shows it."""

    price: OwnPrice
    state: str
    scope: str
    what: str

    @property
    def waits(self) -> bool:
        """Whether its first day is yet to come."""
        return self.state == "waits"


def own_price_rows() -> list[OwnPriceRow]:
    """All own prices: those that wait, those that hold, and those that have ended."""
    today = timezone.localdate()
    prices = OwnPrice.objects.select_related("client_key", "credential", "user")
    rows = [
        OwnPriceRow(price, _state(price, today), scope_of(price), what_of(price))
        for price in prices.order_by("-holds_from", "-pk")
    ]
    order = ("waits", "holds", "ended")
    return sorted(rows, key=lambda row: order.index(row.state))


def _state(price: OwnPrice, today: date) -> str:
    if price.holds_from > today:
        return _("waits")
    return _("holds") if in_force(price, today) else _("ended")


def scope_of(price: OwnPrice) -> str:
    """Whose traffic an own price is about, in words."""
    parts = (
        price.model and gettext("model %(model)s") % {"model": price.model},
        price.provider and gettext("provider %(provider)s") % {"provider": price.provider},
        price.client_key and gettext("client key %(key)s") % {"key": price.client_key},
        price.user and gettext("user %(user)s") % {"user": price.user},
        price.credential and gettext("credential %(name)s") % {"name": price.credential},
    )
    return ", ".join(part for part in parts if part) or gettext("all traffic")


def what_of(price: OwnPrice) -> str:
    """What an own price does, in words."""
    if price.kind == Kind.PRICE:
        rates = (
            (gettext("input"), price.input_rate),
            (gettext("cache reads"), price.cache_read_rate),
            (gettext("cache writes"), price.cache_write_rate),
            (gettext("output"), price.output_rate),
            (gettext("reasoning"), price.reasoning_rate),
        )
        shown = (f"{name} {_dollars(rate)}" for name, rate in rates if rate is not None)
        return gettext("%(rates)s per million tokens") % {"rates": ", ".join(shown)}
    if price.kind == Kind.DISCOUNT and price.percent is not None:
        percent = localized(f"{abs(price.percent).normalize():f} %")
        text = gettext("%(share)s off") if price.percent >= 0 else gettext("%(share)s more")
        return text % {"share": percent}
    if price.kind == Kind.MATCH:
        return gettext("priced like %(model)s") % {"model": price.catalogue_model}
    return price.get_kind_display()


def _dollars(rate: int) -> str:
    return money("$", shown_dollars(rate))
