"""Who opens which page in which language while the upstream is how."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product

ROLES = ("admin", "user", "anonymous")
LANGUAGES = ("en", "de", "zh-Hans")
# In this order: a breaker that opened would make a well upstream look ill.
UPSTREAMS = ("up", "down", "hung")


@dataclass(frozen=True)
class Case:
    """One way to open a page."""

    path: str
    role: str
    language: str
    upstream: str

    @property
    def place(self) -> tuple[int, str, str]:
        """By which cases are ordered, so that little has to be changed from one to the next."""
        return UPSTREAMS.index(self.upstream), self.role, self.language


def covering(paths: Iterable[str]) -> Iterator[Case]:
    """Three ways for each page, so that it meets every role, language and state of the upstream,
    and among them all each of those meets each other."""
    for place, path in enumerate(paths):
        for turn, role in enumerate(ROLES):
            yield Case(
                path,
                role,
                LANGUAGES[(turn + place) % 3],
                UPSTREAMS[(turn + place // 3) % 3],
            )


def every(paths: Iterable[str]) -> Iterator[Case]:
    """All ways to open each page."""
    yield from (Case(*one) for one in product(paths, ROLES, LANGUAGES, UPSTREAMS))
