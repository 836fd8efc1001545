"""Which model of the catalogue an upstream's model is; pure.

The upstream spells names in many ways: `models/...`, `openrouter/...`, with a date, with the level
of thinking. A name is tried as it is first, then with ever more of that taken off; each way is
tried at the provider that the traffic goes to, at the vendor that the name begins with, and at the
one whose models are named like this. The first that is found counts, and `Match` states how. Where
none is found there is no price: a guess would be worse.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.translation import gettext_noop as _

from monitoring.texts.recorded import Recorded
from usage.costs.catalogue import Catalogue, CatalogueModel

_COMPATIBLE = "openai-compatible-"
# The catalogue's provider of each of the upstream's.
_PROVIDERS = {
    "codex": "openai",
    "claude": "anthropic",
    "gemini": "google",
    "gemini-cli": "google",
    "gemini-interactions": "google",
    "vertex": "google",
    "aistudio": "google",
    "antigravity": "google",
    "kimi": "moonshotai",
    "xai": "x-ai",
}
_MOST_STEPS = 4
_ELSEWHERE = Recorded(_("as %(provider)s sells it"))
_AS_PREVIEW = Recorded(_("as its preview"))
_PATH = Recorded(_("without the path “%(text)s”"))
_LEVEL = Recorded(_("without the level of thinking “%(text)s”"))
_LENGTH = Recorded(_("without the length of context “%(text)s”"))
_VARIANT = Recorded(_("without the variant “%(text)s”"))
_DATE = Recorded(_("without the date “%(text)s”"))
_VERSION = Recorded(_("without the version “%(text)s”"))
_PREFIX = Recorded(_("without the prefix “%(text)s”"))
_TAKEN_OFF = (
    (_PATH, re.compile(r"^(?:projects/[^/]+/locations/[^/]+/)?(?:publishers/[^/]+/)?models/")),
    (_LEVEL, re.compile(r"\([^()]*\)$")),
    (_LENGTH, re.compile(r"\[[^\[\]]*\]$")),
    (_VARIANT, re.compile(r":(?:thinking|nitro|floor|online|exacto|beta)$")),
    (_LEVEL, re.compile(r"-(?:thinking|minimal|low|medium|high|xhigh|none|auto)$")),
    (_DATE, re.compile(r"[-@](?:\d{8}|\d{4}-\d{2}-\d{2}|\d{2}-\d{2}|\d{4})$")),
    (_VERSION, re.compile(r"-(?:latest|v\d+(?::\d+)?|exp)$")),
    (_PREFIX, re.compile(r"^(?:gemini-(?=claude-)|(?:us|eu|apac|global)\.(?:[a-z]+\.)?)")),
    (_PREFIX, re.compile(r"^[^/]+/")),
)


@dataclass(frozen=True)
class Match:
    """A model of the catalogue, and what had to be done to its name to find it."""

    model: CatalogueModel
    steps: tuple[str, ...]

    def __str__(self) -> str:
        return ", ".join(self.steps) or "by its name"


def match(catalogue: Catalogue, provider: str, model: str) -> Match | None:
    """The model of the catalogue that traffic with this model at the upstream's provider is priced
    by."""
    own = _provider(catalogue, provider)
    for name, steps in _spellings(model.strip().lower()):
        for at in dict.fromkeys((own, catalogue.has_provider(model.partition("/")[0]), None)):
            if (at or name) and (found := catalogue.find(at, name)):
                return Match(found, (*steps, *_elsewhere(own, found)))
    return None


def _provider(catalogue: Catalogue, provider: str) -> str | None:
    name = provider.strip().lower()
    return _PROVIDERS.get(name) or catalogue.has_provider(name.removeprefix(_COMPATIBLE))


def _elsewhere(own: str | None, found: CatalogueModel) -> tuple[str, ...]:
    return () if found.provider.id == own else (_ELSEWHERE(provider=found.provider.id),)


def _spellings(name: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Names with less and less on them, and how they came about; those with fewest steps first."""
    level: dict[str, tuple[str, ...]] = {name: ()}
    seen: set[str] = set()
    for _step in range(_MOST_STEPS):
        yield from level.items()
        seen |= level.keys()
        level, longer = {}, level
        for item in longer.items():
            for shorter, steps in _shorter(*item):
                if shorter and shorter not in seen:
                    level.setdefault(shorter, steps)
    # A model that is only sold as a preview is often called without.
    yield from ((f"{name}-preview", (_AS_PREVIEW(),)) for name in sorted(seen, key=len))


def _shorter(name: str, steps: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for without, pattern in _TAKEN_OFF:
        if found := pattern.search(name):
            left = name[: found.start()] + name[found.end() :]
            yield left, (*steps, without(text=found[0]))
