"""Where proxied writes to lists and configuration enter the funnel, by which every change of an
upstream is made.

`management_proxy` may not import `providers`, which owns the funnel; so `providers` registers its
handler when it is ready. A policy row says which writes pass through it. Until there is a handler,
or when it leaves one to us (None), the write is sent as it is.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from django.contrib.auth.models import AbstractBaseUser

from management_proxy.models import Upstream

Query = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class ProxiedWrite:
    """A write that a caller of the proxy sent; `path` lies below the management URL."""

    upstream: Upstream
    actor: AbstractBaseUser
    method: str
    path: str
    query: Query
    body: bytes
    reason: str


@dataclass(frozen=True)
class ProxiedResponse:
    """What the caller gets in place of the upstream's own response."""

    status: int
    body: bytes
    content_type: str = "application/json; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class FunnelRefusal:
    """Why the write was not carried out, for the error envelope; nothing was changed unless
    `outcome_is_unknown`."""

    status: int
    code: str
    message: str
    retry_after: int = 0
    outcome_is_unknown: bool = False


Handler = Callable[[ProxiedWrite], ProxiedResponse | FunnelRefusal | None]

_handlers: list[Handler] = []


def register(handler: Handler) -> None:
    """Pass writes to this one from now on."""
    _handlers[:] = [handler]


def submit_write(write: ProxiedWrite) -> ProxiedResponse | FunnelRefusal | None:
    """The outcome of the write, or None if it is to be sent as it is."""
    return _handlers[0](write) if _handlers else None
