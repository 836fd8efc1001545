"""Messages that outlive the request in which they are made, though they come from anywhere: why an
item of a bulk act is refused. They are made in English (`in_english`), stored as they are, and
recognised again among all messages of the catalogue when a page shows them.

Where the messages are known beforehand, monitoring/texts/recorded.py is the way.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from django.conf import settings
from django.utils.translation import get_language, gettext, override
from django.utils.translation.trans_real import translation

from monitoring.texts.recorded import NESTED

_PLACEHOLDER = re.compile(r"%\((\w+)\)s")
# Less than that beside the placeholders says too little to recognise a message by.
_SHORTEST = 3
# In messages of other kinds: HTML, other formats, a context.
_OTHERS = frozenset("<%\x04")


@contextmanager
def in_english() -> Iterator[None]:
    """Make messages for everyone, whoever's request this is."""
    with override(settings.LANGUAGE_CODE):
        yield


def message_in_language(text: str) -> str:
    """A message that was made in English, in the active language; any other text as it is."""
    language = get_language() or settings.LANGUAGE_CODE
    return text if language == settings.LANGUAGE_CODE else _translated(text, language)


@lru_cache(maxsize=4096)
def _translated(text: str, language: str) -> str:
    messages, forms = _catalogue(language)
    if text in messages:
        return gettext(text)
    for start, form, message in forms:
        if text.startswith(start) and (found := form.fullmatch(text)):
            values = {
                name: _translated(value, language) if name in NESTED else value
                for name, value in found.groupdict().items()
            }
            return gettext(message) % values
    return text


@lru_cache
def _catalogue(language: str) -> tuple[frozenset[str], list[tuple[str, re.Pattern[str], str]]]:
    """The messages without placeholders, and how those with some begin and look; what says most
    first."""
    catalogue = translation(language)._catalog  # type: ignore[attr-defined]
    known = [key for key, _ in catalogue.items() if isinstance(key, str)]
    beside = {message: _PLACEHOLDER.sub("", message).replace("%%", "").strip() for message in known}
    plain = frozenset(message for message, rest in beside.items() if "%" not in message and rest)
    forms = sorted(
        (
            message
            for message, rest in beside.items()
            if message not in plain and len(rest) >= _SHORTEST and not set(rest) & _OTHERS
        ),
        key=lambda message: -len(beside[message]),
    )
    return plain, [(_start(message), _form(message), message) for message in forms]


def _start(message: str) -> str:
    return _PLACEHOLDER.split(message.replace("%%", "%"))[0]


def _form(message: str) -> re.Pattern[str]:
    parts = _PLACEHOLDER.split(message.replace("%%", "%"))
    seen = set[str]()
    pattern = ""
    for place, part in enumerate(parts):
        if not place % 2:
            pattern += re.escape(part)
        elif part in seen:
            pattern += f"(?P={part})"
        else:
            seen.add(part)
            pattern += f"(?P<{part}>.*?)"
    return re.compile(pattern, re.DOTALL)
