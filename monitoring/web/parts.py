"""Parts of a page that are renewed while it is open: elements with an id, each with a tag.

A tag is a digest of what the part shows and for whom. Two things that differ in every rendering
are no news and do not count: CSRF tokens, and texts that move by themselves (`data-live`: a clock,
the age of something). The latter are sent apart, so that they move although nothing else did.
"""

import hashlib
import html
import re
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass

from django.http import HttpRequest
from django.utils.translation import get_language

Live = dict[str, list[str]]

# The name in a template's context of the list that takes the parts as they are rendered.
COLLECTED = "collected_parts"

_OPENING = re.compile(r"\s*<[a-z]+(?=[\s>])")
_ID = re.compile(r'\sid="([\w-]+)"')
_CSRF_TOKEN = re.compile(r'(name="csrfmiddlewaretoken" value=)"[^"]*"')
_LIVE = re.compile(r'<([a-z]+)([^>]*\sdata-live="([\w-]+)"[^>]*)>([^<]*)</\1>')
_DATETIME = re.compile(r'\sdatetime="([^"]*)"')
_HELD = re.compile(r"([\w-]+):([\w-]+)")


@dataclass(frozen=True, slots=True)
class Part:
    """An element with an id, the tag of its content, its HTML with that tag, and its live texts by
    name: the text, and the instant if it is a `<time>`."""

    id: str
    tag: str
    html: str
    live: Live

    @classmethod
    def of(cls, rendered: str, request: HttpRequest, version: str = "") -> "Part":
        """The part that was rendered for a request, as one element with an id; with the version of
        what it shows its content is not read. Raises ValueError for anything else."""
        opening = _OPENING.match(rendered)
        named = _ID.search(rendered, opening.end(), rendered.index(">")) if opening else None
        if opening is None or named is None:
            raise ValueError("A part is one element with an id.")
        tag = (
            version_tag(request, named[1], version)
            if version
            else _tag(request, named[1], _content(rendered, request))
        )
        tagged = f'{rendered[: opening.end()]} data-part="{tag}"{rendered[opening.end() :]}'
        return cls(named[1], tag, tagged, _live(rendered))


def version_tag(request: HttpRequest, part_id: str, version: str) -> str:
    """The tag of a part at this address that shows this version of its data."""
    return _tag(request, part_id, f"{request.get_full_path()}\n{version}")


def held_tags(request: HttpRequest) -> dict[str, str]:
    """The tags of the parts that the browser holds, by id."""
    return dict(_HELD.findall(request.headers.get("If-None-Match", "")))


def etag_of(parts: Iterable[Part]) -> str:
    """All tags as one validator of HTTP: `"region:Zm9v.as-of:YmFy"`."""
    return '"' + ".".join(f"{part.id}:{part.tag}" for part in parts) + '"'


def _tag(request: HttpRequest, part_id: str, content: str) -> str:
    whose = (getattr(request.user, "pk", None), get_language(), part_id)
    digest = hashlib.blake2b(f"{whose!r}\n{content}".encode(), digest_size=12)
    return urlsafe_b64encode(digest.digest()).decode()


def _content(rendered: str, request: HttpRequest) -> str:
    still = _LIVE.sub(r"\3", rendered) if "data-live" in rendered else rendered
    without_tokens, tokens = _CSRF_TOKEN.subn(r"\1", still)
    # Another secret (a new sign-in) makes the tokens in the browser useless.
    return without_tokens + (request.META.get("CSRF_COOKIE", "") if tokens else "")


def _live(rendered: str) -> Live:
    found: Live = {}
    if "data-live" not in rendered:  # most parts, and the largest
        return found
    for _, attributes, name, text in _LIVE.findall(rendered):
        instant = _DATETIME.search(attributes)
        found[name] = [html.unescape(text), *([instant[1]] if instant else [])]
    return found
