"""Secrets taken out of a text while it passes, whatever its size: request logs with prompts.

A piece is passed on up to its last place at which no secret can go on: before a quotation mark, or
before white space that does not follow `Bearer`. What has no such place in a quarter of a MiB is
no prose and no JSON but encoded data; it is replaced by a note, since it can neither be kept nor be
cut without cutting a secret in two. All else passes byte for byte, also what is no UTF-8.
"""

import codecs
import re

from monitoring.masking import last4, without_secrets

LONGEST_RUN = 256 * 1024
LEFT_OUT = "[data without a break left out]"
_BREAK = re.compile(r"(?=\")|(?<![Bb]earer)(?<!BEARER)(?<!\s)(?=\s)")
_SEARCHED = 4096


class TextMask:
    """The mask of one text; feed it in pieces, then finish."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._held = ""
        self._is_leaving_out = False

    def feed(self, piece: bytes) -> bytes:
        """What may pass of the text so far; may be empty."""
        self._held += self._decoder.decode(piece)
        cut = _last_break(self._held)
        if cut is None:
            if len(self._held) > LONGEST_RUN:
                self._is_leaving_out, self._held = True, ""
            return b""
        passed, self._held = self._held[:cut], self._held[cut:]
        return self._masked(passed)

    def finish(self) -> bytes:
        """The rest."""
        self._held += self._decoder.decode(b"", final=True)
        passed, self._held = self._held, ""
        return self._masked(passed)

    def _masked(self, text: str) -> bytes:
        before = ""
        if self._is_leaving_out:
            found = _BREAK.search(text)
            before, text = LEFT_OUT, text[found.start() :] if found else ""
            self._is_leaving_out = False
        return (before + without_secrets(text, mask=last4)).encode("utf-8", "surrogateescape")


def _last_break(text: str) -> int | None:
    """Where the text may be cut last; None if nowhere but at its beginning."""
    for end in range(len(text), 0, -_SEARCHED):
        start = max(end - _SEARCHED, 1)
        places = [found.start() for found in _BREAK.finditer(text, start, end)]
        if places:
            return places[-1]
    return None
