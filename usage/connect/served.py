"""Which models an upstream serves, as its clients see them: read with one of the keys that it
lists, and cached, since every view of the page needs it.

The list is the same for every key and in every protocol (measured on 7.2), so that any key serves.
A failure is cached as well, for a shorter time: views of the page must not pile up on an upstream
that hangs. Keys are read, used and forgotten; none is kept or shown.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby

from django.core.cache import cache
from django.utils.translation import gettext_noop as _

from management_proxy.client.errors import UpstreamError
from management_proxy.client.lists import read_client_keys
from management_proxy.client_api.requests import ServedModel, served_models
from management_proxy.models import Upstream
from management_proxy.proxy.limits.bulkhead import Full
from management_proxy.proxy.pass_through import bulkhead
from management_proxy.upstreams.clients import client_for
from monitoring.texts.recorded import Recorded
from providers.digests import client_key_digest
from providers.models import ClientKey

KEPT_SECONDS, FAILURE_KEPT_SECONDS = 60, 10
# What a shell, JSON, TOML and YAML hold between quotes as it is.
_PLAIN = re.compile(r"[A-Za-z0-9._/:@+()\[\],-]+")
# Models that draw, speak, embed or review: no start for a client that converses.
_SPECIAL = re.compile(r"image|imagine|video|audio|tts|embed|review|search")
# What an upstream that lists no client key accepts: anything.
_ANY_KEY = "any"
_TOO_MANY = Recorded(_("too many requests to it are under way"))


@dataclass(frozen=True)
class Served:
    """The models, how many more have names that no snippet could hold, and why there are none."""

    models: tuple[ServedModel, ...] = ()
    left_out: int = 0
    trouble: str = ""

    @property
    def by_owner(self) -> list[tuple[str, list[str]]]:
        """Names under their owners, both sorted."""
        groups = groupby(self.models, key=lambda model: model.owner)
        return [(owner, [model.name for model in models]) for owner, models in groups]

    def newest_of(self, owners: Sequence[str]) -> str:
        """The newest model of these owners, else of all, by its name none for another purpose than
        to write; empty without any."""
        models = [model for model in self.models if model.owner in owners] or self.models
        ranked = sorted(models, key=lambda m: (bool(_SPECIAL.search(m.name)), -m.created))
        return ranked[0].name if ranked else ""

    def holds(self, name: str) -> bool:
        return any(model.name == name for model in self.models)


def served_by(upstream: Upstream) -> Served:
    """What an upstream serves, at most a minute old; a failure of any kind is its `trouble`."""
    key = f"usage.connect.served:{upstream.pk}:{upstream.management_url}"
    kept = cache.get(key)
    if isinstance(kept, Served):
        return kept
    try:
        found = _read(upstream)
        cache.set(key, found, KEPT_SECONDS)
    except (UpstreamError, Full) as error:
        found = Served(trouble=str(error) or _TOO_MANY())
        cache.set(key, found, FAILURE_KEPT_SECONDS)
    return found


def _read(upstream: Upstream) -> Served:
    with slot(upstream):
        key = next(iter(listed_keys(upstream)), _ANY_KEY)
        models = served_models(upstream, key)
    plain = tuple(model for model in models if _PLAIN.fullmatch(model.name))
    return Served(plain, len(models) - len(plain))


@contextmanager
def slot(upstream: Upstream) -> Iterator[None]:
    """One of the calls to an upstream that this process may have in flight. Raises Full."""
    slots = bulkhead()
    slots.take(upstream.pk)
    try:
        yield
    finally:
        slots.give_back(upstream.pk)


def listed_keys(upstream: Upstream) -> list[str]:
    """The client keys that the upstream lists, in clear. Raises UpstreamError."""
    return [key.strip() for key in read_client_keys(client_for(upstream)) if key.strip()]


def text_of(row: ClientKey) -> str:
    """A client key in clear, as its upstream lists it; empty if it does not. Raises
    UpstreamError."""
    digest = bytes(row.digest)
    keys = listed_keys(row.upstream)
    return next((key for key in keys if client_key_digest(key) == digest), "")
