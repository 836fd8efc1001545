"""Numbers and amounts of time in the active language: separators, units, their order."""

from datetime import date, datetime
from functools import cache

from django.utils import dateformat, timezone
from django.utils.formats import get_format
from django.utils.translation import get_language, gettext, gettext_lazy, pgettext, pgettext_lazy

_UNITS = (
    (86_400, gettext_lazy("%(number)s d")),
    (3600, gettext_lazy("%(number)s h")),
    (60, gettext_lazy("%(number)s min")),
)
_SCALES = (
    (1e12, pgettext_lazy("short number", "%(number)sT")),
    (1e9, pgettext_lazy("short number", "%(number)sB")),
    (1e6, pgettext_lazy("short number", "%(number)sM")),
    (1e3, pgettext_lazy("short number", "%(number)sK")),
)


def localized(figure: str) -> str:
    """A figure as Python writes it, such as 1,234.5, with the separators of the language."""
    # A page writes thousands of figures; to find out the language takes longer than all the rest.
    if "," not in figure and "." not in figure:
        return figure
    return _localized(figure, get_language())


def _localized(figure: str, language: str | None) -> str:
    separators = _separators(language)
    return figure.translate(separators) if separators else figure


@cache
def _separators(_language: str | None) -> dict[int, str]:
    """What the active language has for comma and point, nothing where it has the same."""
    point = str(get_format("DECIMAL_SEPARATOR"))
    comma = str(get_format("THOUSAND_SEPARATOR")) or ("," if point == "." else "\N{NO-BREAK SPACE}")
    return {} if (comma, point) == (",", ".") else {ord(","): comma, ord("."): point}


def short_number(value: float) -> str:
    """12.3M: three digits and a unit."""
    language = get_language()
    for size, text in _scales(language):
        if abs(value) >= size:
            scaled = value / size
            number = f"{scaled:.3g}" if abs(scaled) < 999.5 else f"{scaled:.0f}"
            return text % {"number": _localized(number, language)}
    return _localized(f"{value:g}", language)


@cache
def _scales(_language: str | None) -> list[tuple[float, str]]:
    """The units of short numbers in the active language."""
    return [(size, str(text)) for size, text in _SCALES]


def amount_of_time(seconds: float) -> str:
    """12 s, 3 min, 4 h or 5 d: the largest unit that fits."""
    for size, text in _UNITS:
        if seconds >= size:
            return str(text) % {"number": localized(f"{seconds / size:,.0f}")}
    return gettext("%(number)s s") % {"number": f"{seconds:.0f}"}


def money(sign: str, figure: str) -> str:
    """$1,234.56: a sign or code of a currency, and an amount of it as Python writes it."""
    return signed(sign, _localized(figure, get_language()))


def signed(sign: str, number: str) -> str:
    """The same of a number that is written as the language does already."""
    return _money(get_language()) % {"sign": sign, "number": number}


@cache
def _money(_language: str | None) -> str:
    """How the active language places the sign."""
    return pgettext("amount of money", "%(sign)s%(number)s")


def day_and_time(instant: datetime) -> str:
    """2026-11-28 10:05, in the time zone of the page."""
    return dateformat.format(timezone.localtime(instant), gettext("Y-m-d H:i"))


def instant(at: datetime) -> str:
    """2026-11-28 10:05:12 UTC, in the active time zone."""
    local = timezone.localtime(at)
    return f"{dateformat.format(local, gettext('Y-m-d H:i:s'))} {local:%Z}"


def day(date_: date) -> str:
    """2026-11-28."""
    return dateformat.format(date_, gettext("Y-m-d"))
