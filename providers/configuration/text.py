"""The secrets of the upstream's configuration: where they are in its text, hiding and restoring
them.

Everything works on positions in the text, so that comments, order and layout stay as their author
left them.

A hidden secret is shown as a placeholder that names it by its place among the secrets of the text
that was opened (`hidden-3…9f2c`). Restoring puts back what was there. Whatever an editor does with
placeholders, a secret never becomes visible: the restored text is hidden again and must not show
any secret of the opened one (`restored`).
"""

import re
from collections.abc import Callable

from django.utils.translation import gettext

from monitoring.masking import KEY_LOOK, NAMES_OF_SECRETS, last_four
from providers.configuration.document import InvalidText, scalars
from providers.configuration.named_secrets import Secret, named_secrets

MASK_PREFIX = "hidden-"

_HARMLESS_VALUES = frozenset({"", "~", "null", "true", "false"})
_URL_WITH_USER = re.compile(r"^[a-z][a-z0-9+.-]*://[^/\s]*@", re.IGNORECASE)
_COMMENTED_SECRET = re.compile(
    rf"#[^\n]*?(?:{NAMES_OF_SECRETS})s?[\"']?\s*[:=]\s*[\"']?([^\s\"'#,]{{6,}})",
    re.IGNORECASE,
)
_COMMENTED_ITEM = re.compile(rf"#\s*-\s*[\"']?((?:{KEY_LOOK})[^\s\"'#,]*)", re.IGNORECASE)
_PLACEHOLDER = re.compile(r"hidden-(\d{1,5})(?:…[A-Za-z0-9]{0,4})?(?![A-Za-z0-9…])")
_DAMAGED = re.compile(r"hidden-\d+…")


def secrets_in(text: str, *, copies: bool = True) -> list[Secret]:
    """Every secret of a configuration in order of place, in comments too, and copies of them
    anywhere. Raises InvalidText."""
    every = scalars(text)
    named = [
        secret for secret in named_secrets(text) if secret.value.lower() not in _HARMLESS_VALUES
    ]
    ends = {secret.end for secret in named}
    found = named + [
        Secret(scalar.value, scalar.start, scalar.end)
        for scalar in every
        if _URL_WITH_USER.match(scalar.value) and scalar.end not in ends
    ]
    taken = [(secret.start, secret.end) for secret in found]
    found += [
        secret
        for secret in _elsewhere(text, {s.value for s in found} if copies else set())
        if not any(secret.start < end and start < secret.end for start, end in taken)
    ]
    return sorted(found, key=lambda secret: secret.start)


def _elsewhere(text: str, known: set[str]) -> list[Secret]:
    spans = {
        match.span(1)
        for pattern in (_COMMENTED_SECRET, _COMMENTED_ITEM)
        for match in pattern.finditer(text)
    }
    for value in known:
        if len(value) >= 8:
            spans |= {match.span() for match in re.finditer(re.escape(value), text)}
    kept: list[tuple[int, int]] = []
    for start, end in sorted(spans, key=lambda span: (span[0], -span[1])):
        if not kept or start >= kept[-1][1]:
            kept.append((start, end))
    return [Secret(text[start:end], start, end) for start, end in kept]


def hidden(text: str, *, copies: bool = True) -> str:
    """The text with a numbered placeholder for each secret, for editing. Raises InvalidText."""
    return _replaced(
        text,
        secrets_in(text, copies=copies),
        lambda number, secret: f"{MASK_PREFIX}{number}{hint_of(secret.value)}",
    )


def marked(text: str, mark: Callable[[str], str]) -> str:
    """The text with a mark for each secret that depends on its value only, for comparing. Raises
    InvalidText."""
    return _replaced(
        text, secrets_in(text), lambda _, secret: f"{hint_of(secret.value)}({mark(secret.value)})"
    )


def hint_of(value: str) -> str:
    """`…` with the last four characters, where those may be seen and fit a placeholder."""
    shown = last_four(value)
    return f"…{shown}" if shown.isalnum() and shown.isascii() else "…"


def _replaced(text: str, secrets: list[Secret], placeholder: Callable[[int, Secret], str]) -> str:
    parts, position = [], 0
    for number, secret in enumerate(secrets, 1):
        ended = "\n" if text[secret.start : secret.end].endswith("\n") else ""
        parts += [text[position : secret.start], placeholder(number, secret), ended]
        position = secret.end
    return "".join([*parts, text[position:]])


def restored(edited: str, opened: str) -> str:
    """The edited text with the secrets of the opened one put back. Raises InvalidText, also where
    one would become visible."""
    secrets = secrets_in(opened)

    def original(match: re.Match[str]) -> str:
        number = int(match[1])
        if not 1 <= number <= len(secrets):
            raise InvalidText(
                gettext("%(text)s is no placeholder of the text that was opened")
                % {"text": match[0]},
                edited.count("\n", 0, match.start()) + 1,
            )
        secret = secrets[number - 1]
        return opened[secret.start : secret.end].rstrip("\n")

    result = _PLACEHOLDER.sub(original, edited)
    if damaged := _DAMAGED.search(result):
        raise InvalidText(
            gettext("%(text)s is changed; keep a placeholder as it is, or write the new value")
            % {"text": damaged[0]},
            result.count("\n", 0, damaged.start()) + 1,
        )
    # Judged by names alone: a copy is hidden only for as long as the original exists.
    visible, visible_before = hidden(result, copies=False), hidden(opened, copies=False)
    # Escaped or in a block, a value is not written as it reads.
    forms = {form for s in secrets for form in (s.value, opened[s.start : s.end].rstrip("\n"))}
    for form in forms:
        if len(form) >= 4 and form in visible and form not in visible_before:
            raise InvalidText(
                gettext(
                    "a hidden value is allowed only where hidden values occur: under the name of a"
                    " key, token, secret or header"
                )
            )
    return result
