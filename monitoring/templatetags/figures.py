"""Figures as people read them."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django import template
from django.conf import settings
from django.utils import timezone
from django.utils.translation import get_language, gettext

from monitoring.web.currency import DOLLAR, Currency, shown
from monitoring.web.formats import amount_of_time, localized, short_number, signed
from monitoring.web.formats import money as written

register = template.Library()
_NANO = 10**9
_HUNDREDTH_OF_A_CENT = 100_000


@register.filter
def short(value: float | None) -> str:
    """12.3M; a dash for what was not reported."""
    return "–" if value is None else short_number(value)


@register.filter
def pace(value: float | None) -> str:
    """Tokens per second: 58.2; a dash where none was measured."""
    return "–" if value is None else localized(f"{value:,.1f}")


@register.filter
def inside(label: str) -> str:
    """A label as it is written within a sentence: in lower case where a language does that."""
    return str(label).lower() if get_language() == settings.LANGUAGE_CODE else str(label)


@register.filter
def exact(value: int | None) -> str:
    """1,234,567; words for what was not reported."""
    return gettext("not reported") if value is None else localized(f"{value:,}")


@register.filter
def money(nano_usd: int | None) -> str:
    """Nano-dollars in the page's currency: $1,234.56, $0.0123 below one, EUR 1.20; a dash for what
    has no price."""
    return "–" if nano_usd is None else amount(shown().currency.of(nano_usd))


@register.filter
def amount(nano: int | None) -> str:
    """The same of nano-units that are in the page's currency already."""
    if nano is None:
        return "–"
    sign = _sign()
    if 0 < abs(nano) < _HUNDREDTH_OF_A_CENT:
        return f"< {written(sign, '0.0001')}"
    places = 4 if 0 < abs(nano) < _NANO else 2
    # Half to even, as integers are rounded.
    whole, rest = divmod(round(abs(nano), places - 9), _NANO)
    figure = f"{whole:,}.{rest // 10 ** (9 - places):0{places}}"
    return f"{'-' if nano < 0 else ''}{written(sign, figure)}"


@register.filter
def axis_amount(nano: float) -> str:
    """Round nano-units on an axis, in few characters: $0.00025, $2.5, $1.2K."""
    if nano >= _NANO:
        return signed(_sign(), short(nano / _NANO))
    return written(_sign(), f"{(Decimal(nano) / _NANO).normalize():f}")


@register.filter
def exact_money(nano_usd: int | None) -> str:
    """$0.000012345, to the billionth of the page's currency; words for what has no price."""
    if nano_usd is None:
        return gettext("no price")
    nano = shown().currency.of(nano_usd)
    digits = f"{Decimal(abs(nano)) / _NANO:,f}"
    return f"{'-' if nano < 0 else ''}{written(_sign(), digits)}"


def _sign() -> str:
    code = shown().currency.code
    return "$" if code == DOLLAR else f"{code}\N{NO-BREAK SPACE}"


@register.simple_tag
def currency() -> Currency:
    """The currency of the page's amounts."""
    return shown().currency


@register.simple_tag
def currency_of_amounts() -> Currency | None:
    """The currency of the amounts that were written down so far; None if none was."""
    return shown().if_needed


@register.filter
def rate(number: Decimal) -> str:
    """A rate without the zeros that end it."""
    return localized(f"{number.normalize():f}")


@register.filter
def percent(value: float | None) -> str:
    """99.3 %, never rounded up to 100 or down to 0."""
    if value is None:
        return "–"
    if 99.95 <= value < 100:
        return localized("99.9 %")
    if value in (0, 100):
        return localized(f"{value:.0f} %")
    return localized("< 0.1 %" if 0 < value < 0.1 else f"{value:.1f} %")


@register.filter
def signed_percent(value: float) -> str:
    """▲ 12 %, ▼ 3 %, ± 0 %; ▲ >999 % where there was next to nothing before."""
    if abs(value) < 0.5:
        return "± 0 %"
    if value >= 999.5:
        return "▲ >999 %"
    return localized(f"{'▲' if value > 0 else '▼'} {abs(value):.0f} %")


@register.filter
def signed_points(value: float) -> str:
    """▲ 1.2 pt, ▼ 3 pt, ± 0 pt: the change of a percentage."""
    sign = "±" if abs(value) < 0.05 else "▲" if value > 0 else "▼"
    number = f"{sign} {abs(value):.1f}".removesuffix(".0")
    return gettext("%(number)s pt") % {"number": localized(number)}


@register.filter
def duration(milliseconds: float | None) -> str:
    """340 ms, 1.20 s, 41.0 s, 3 min 20 s: three digits, so that columns line up."""
    if milliseconds is None:
        return "–"
    if milliseconds < 1000:
        return f"{milliseconds:.0f} ms"
    if milliseconds < 120_000:
        whole = milliseconds / 1000
        places = 2 if whole < 9.995 else 1 if whole < 99.95 else 0
        return localized(f"{whole:.{places}f} s")
    minutes, seconds = divmod(round(milliseconds / 1000), 60)
    return gettext("%(minutes)s min %(seconds)s s") % {"minutes": minutes, "seconds": seconds}


@register.filter
def ago(instant: datetime | None) -> str:
    """12 s ago."""
    if instant is None:
        return gettext("never")
    seconds = max((timezone.now() - instant).total_seconds(), 0)
    return gettext("%(time)s ago") % {"time": amount_of_time(seconds)}


@register.filter
def hour_ago(hour: datetime | None) -> str:
    """The same of the hour that something last happened in: < 1 h ago while it is the present."""
    if hour is not None and timezone.now() - hour < timedelta(hours=1):
        return gettext("%(time)s ago") % {"time": gettext("%(number)s h") % {"number": "< 1"}}
    return ago(hour)


@register.filter
def until(instant: datetime) -> str:
    """in 12 min; now, when it has passed."""
    seconds = (instant - timezone.now()).total_seconds()
    if seconds <= 0:
        return gettext("now")
    return gettext("in %(time)s") % {"time": amount_of_time(seconds)}


@register.filter
def seconds(milliseconds: float) -> str:
    """100 ms, 10 s, 1,000 s: round values of an axis, in one or two words."""
    if milliseconds < 1000:
        return f"{milliseconds:.0f} ms"
    return localized(f"{milliseconds / 1000:,.0f} s")


@register.filter
def measured(milliseconds: float | None, sample_count: int) -> str:
    """A duration measured by samples; a dash without any, where 0 would be a lie."""
    return duration(milliseconds if sample_count else None)


@register.filter
def at(text: str) -> datetime | None:
    """An ISO 8601 instant as one; None of an empty text."""
    return datetime.fromisoformat(text) if text else None


@register.filter
def item(mapping: dict[str, Any], key: str) -> Any:
    """A value by its key."""
    return mapping[key]


@register.filter
def latency_grade(milliseconds: int) -> str:
    """A word for how long it took, which the style colours: models think for seconds, so only what
    is unusual is marked."""
    return "fast" if milliseconds < 20_000 else "fair" if milliseconds < 60_000 else "slow"


@register.filter
def lag_grade(instant: datetime | None) -> str:
    """A word for how long ago something that should happen every few seconds happened; the template
    adds the sign."""
    if instant is None:
        return "never"
    seconds = (timezone.now() - instant).total_seconds()
    return "fresh" if seconds < 60 else "late" if seconds < 600 else "stale"


@register.filter
def clock_lead(seconds: float) -> str:
    """By how much a clock is ahead, no finer than it is known."""
    if abs(seconds) < 1:
        return gettext("✓ agrees with ours")
    text = gettext("%(seconds)s s ahead") if seconds > 0 else gettext("%(seconds)s s behind")
    return text % {"seconds": localized(f"{abs(seconds):,.0f}")}
