"""Texts that outlive the request in which they are made: how a change ended, why a run failed, what
an upstream did not do. They have readers of several languages, and go to logs and JSON as well; so
they are recorded in English, and put into the reader's language where a page shows them.

    NOT_SENT = Recorded(_("nothing was sent: %(reason)s"))      `_` is gettext_noop
    NOT_SENT(reason=error)    "nothing was sent: cannot connect: timed out", to be recorded
    in_language(recorded)     "es wurde nichts gesendet: keine Verbindung: timed out", to be shown

A recorded text is recognised by its form, so nothing but the text is stored, and rows of any age
are shown so. Of its values, those that are named like `NESTED` may be recorded texts themselves.
Whatever has no known form stays as it is.
"""

import re
from functools import cached_property, lru_cache

from django.conf import settings
from django.utils.translation import get_language, gettext

NESTED = frozenset({"error", "reason", "detail", "level", "period"})
_PLACEHOLDER = re.compile(r"%\((\w+)\)s")


class Recorded:
    """A message in English with named placeholders, marked for translation."""

    known: "list[Recorded]" = []

    def __init__(self, message: str) -> None:
        self.message = message
        self.known.append(self)
        # What says most is compared first, so that nothing is taken for a vaguer text.
        self.known.sort(key=lambda one: -len(_PLACEHOLDER.sub("", one.message)))

    def __call__(self, **values: object) -> str:
        """The text to record."""
        return self.message % values

    @cached_property
    def form(self) -> re.Pattern[str]:
        """What a text of this message looks like."""
        parts = _PLACEHOLDER.split(self.message.replace("%%", "%"))
        return re.compile(
            "".join(
                f"(?P<{part}>.*?)" if place % 2 else re.escape(part)
                for place, part in enumerate(parts)
            ),
            re.DOTALL,
        )


def in_language(text: object) -> str:
    """A recorded text, or an error that states one, in the active language; any other as it is."""
    language = get_language() or settings.LANGUAGE_CODE
    return str(text) if language == settings.LANGUAGE_CODE else _translated(str(text), language)


@lru_cache(maxsize=4096)
def _translated(text: str, _language: str) -> str:
    for known in Recorded.known:
        if found := known.form.fullmatch(text):
            values = found.groupdict()
            return gettext(known.message) % {
                name: _translated(value, _language) if name in NESTED else value
                for name, value in values.items()
            }
    return text
