"""Figures as people read them."""

from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from django import template
from django.utils import timezone

register = template.Library()
_NANO = 10**9
_HUNDREDTH_OF_A_CENT = 100_000


@register.filter
def short(value: float | None) -> str:
    """12.3M; a dash for what was not reported."""
    if value is None:
        return "–"
    for size, unit in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K")):
        if abs(value) >= size:
            return (
                f"{value / size:.3g}{unit}"
                if abs(value) / size < 999.5
                else f"{value / size:.0f}{unit}"
            )
    return f"{value:g}"


@register.filter
def one_line(text: str) -> str:
    """A text of several lines of its template on one line, for a tooltip."""
    return " ".join(text.split())


@register.filter
def exact(value: int | None) -> str:
    """1,234,567; words for what was not reported."""
    return "not reported" if value is None else f"{value:,}"


@register.filter
def dollars(nano: int | None) -> str:
    """$1,234.56 of nano-dollars, $0.0123 below a dollar; a dash for what has no price."""
    if nano is None:
        return "–"
    if 0 < abs(nano) < _HUNDREDTH_OF_A_CENT:
        return "< $0.0001"
    places = "0.0001" if 0 < abs(nano) < _NANO else "0.01"
    amount = (Decimal(nano) / _NANO).quantize(Decimal(places), ROUND_HALF_EVEN)
    return f"{'-' if amount < 0 else ''}${abs(amount):,f}"


@register.filter
def exact_dollars(nano: int | None) -> str:
    """$0.000012345, to the nano-dollar; words for what has no price."""
    if nano is None:
        return "no price"
    return f"{'-' if nano < 0 else ''}${Decimal(abs(nano)) / _NANO:,f}"


@register.filter
def percent(value: float | None) -> str:
    """99.3 %, never rounded up to 100 or down to 0."""
    if value is None:
        return "–"
    if 99.95 <= value < 100:
        return "99.9 %"
    return "< 0.1 %" if 0 < value < 0.1 else f"{value:.1f} %".replace(".0 %", " %")


@register.filter
def signed_percent(value: float) -> str:
    """▲ 12 %, ▼ 3 %, ± 0 %."""
    return "± 0 %" if abs(value) < 0.5 else f"{'▲' if value > 0 else '▼'} {abs(value):,.0f} %"


@register.filter
def duration(milliseconds: float | None) -> str:
    """340 ms, 1.2 s, 3 min 20 s."""
    if milliseconds is None:
        return "–"
    if milliseconds < 1000:
        return f"{milliseconds:.0f} ms"
    if milliseconds < 120_000:
        return f"{milliseconds / 1000:.3g} s"
    minutes, seconds = divmod(round(milliseconds / 1000), 60)
    return f"{minutes} min {seconds} s"


@register.filter
def ago(instant: datetime | None) -> str:
    """12 s ago."""
    if instant is None:
        return "never"
    seconds = max((timezone.now() - instant).total_seconds(), 0)
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"


@register.filter
def until(instant: datetime) -> str:
    """in 12 min; now, when it has passed."""
    seconds = (instant - timezone.now()).total_seconds()
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"in {seconds / size:.0f} {unit}"
    return f"in {seconds:.0f} s" if seconds > 0 else "now"


@register.filter
def seconds(milliseconds: float) -> str:
    """100 ms, 10 s, 1,000 s: round values of an axis, in one or two words."""
    return f"{milliseconds:.0f} ms" if milliseconds < 1000 else f"{milliseconds / 1000:,.0f} s"


@register.filter
def measured(milliseconds: float, sample_count: int) -> str:
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
        return "✓ agrees with ours"
    return f"{abs(seconds):,.0f} s {'ahead' if seconds > 0 else 'behind'}"
