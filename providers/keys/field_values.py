"""What the value of an entry's field may be, whichever field it is: a key, a text, a number, a list
or an object. Each function raises ChangeRefused, naming the field, where it is something else."""

from typing import Any

from django.utils.translation import gettext

from providers.errors import ChangeRefused

LONGEST_KEY = 4096
MOST_ITEMS = 500


def checked_key(text: Any, field: str = "api-key") -> str:
    """A key without blanks around it."""
    key = clean_text(field, text)
    if not key:
        raise ChangeRefused(gettext("it is blank"), field, "VALIDATION_MISSING_FIELDS")
    if len(key) > LONGEST_KEY:
        raise ChangeRefused(
            gettext("it has more than %(most)s characters") % {"most": LONGEST_KEY},
            field,
        )
    if any(not "!" <= character <= "~" for character in key):
        raise ChangeRefused(
            gettext("it contains blanks, control characters or letters that no key has"), field
        )
    return key


def clean_text(name: str, value: Any, longest: int = 2048) -> str:
    """A text of one line without blanks around it."""
    if not isinstance(value, str):
        raise ChangeRefused(gettext("expected a text, got %(kind)s") % {"kind": _kind(value)}, name)
    if any(
        ord(character) < 32 or 0x7F <= ord(character) < 0xA0 or 0xD800 <= ord(character) < 0xE000
        for character in value
    ):
        raise ChangeRefused(gettext("it contains control characters"), name)
    if len(value) > max(longest, LONGEST_KEY if name.endswith("key") else 0) * 4:
        raise ChangeRefused(
            gettext("it has more than %(most)s characters") % {"most": longest}, name
        )
    return value.strip()


def whole_number(name: str, value: Any) -> int:
    """A number of at most 32 bits."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise ChangeRefused(
            gettext("expected a whole number, got %(kind)s") % {"kind": _kind(value)}, name
        )
    if not -(2**31) <= value < 2**31:
        raise ChangeRefused(gettext("the number is too large"), name)
    return value


def true_or_false(name: str, value: Any) -> bool:
    """Not 0 or 1, which the upstream refuses."""
    if not isinstance(value, bool):
        raise ChangeRefused(
            gettext("expected true or false, got %(kind)s") % {"kind": _kind(value)}, name
        )
    return value


def a_list(name: str, value: Any) -> list[Any]:
    """A list of at most MOST_ITEMS."""
    if not isinstance(value, list):
        raise ChangeRefused(gettext("expected a list, got %(kind)s") % {"kind": _kind(value)}, name)
    if len(value) > MOST_ITEMS:
        raise ChangeRefused(gettext("at most %(most)s are taken") % {"most": MOST_ITEMS}, name)
    return value


def an_object(name: str, value: Any) -> dict[str, Any]:
    """A JSON object."""
    if not isinstance(value, dict):
        raise ChangeRefused(
            gettext("expected an object, got %(kind)s") % {"kind": _kind(value)}, name
        )
    return value


def _kind(value: Any) -> str:
    names = {
        bool: gettext("true or false"),
        int: gettext("a number"),
        float: gettext("a number"),
        str: gettext("a text"),
        list: gettext("a list"),
        dict: gettext("an object"),
    }
    if value is None:
        return gettext("nothing")
    return names.get(type(value), gettext("something else"))
