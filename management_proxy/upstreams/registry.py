"""Which upstreams there are: by name, the default one, and the one that the environment names."""

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from management_proxy.models import Access, Upstream
from monitoring.planned_statements import columns, instance, rows

ENVIRONMENT_NAME = "default"
_FORMER = {True: "demonstration", False: "former"}


class NoSuchUpstream(Exception):
    """None has that name, or none is the default one; the message says what to do."""


def ensure_environment_upstream() -> Upstream | None:
    """The upstream of the environment, made or brought up to date; None if the environment names
    none."""
    url = settings.CLIPROXYAPI_MANAGEMENT_URL
    if not url:
        return Upstream.objects.filter(from_environment=True).first()
    with transaction.atomic():
        _change_worlds()
        upstream, created = Upstream.objects.select_for_update().get_or_create(
            from_environment=True, defaults={"name": _free_name(), **_configured()}
        )
        if not created and not _is_as_configured(upstream):
            # Another address is another server: what the old one made of our key no longer holds.
            Upstream.objects.filter(pk=upstream.pk).update(
                **_configured(), access=Access.OPEN, access_detail="", blocked_until=None
            )
            upstream.refresh_from_db()
    return upstream


def _change_worlds() -> None:
    """Made-up usage must never lie under the name of a real upstream, nor real usage under that of
    a simulated one: the old row becomes an ordinary upstream, paused, under a name of its own, and
    takes its place again when its world returns."""
    if not _present().exclude(is_simulated=settings.UPSTREAM_IS_SIMULATED).exists():
        return
    for other in _present().select_for_update():
        former = _free_name(_FORMER[other.is_simulated])
        _present().update(name=former, from_environment=False, is_enabled=False)
    returning = Upstream.objects.filter(
        name__startswith=_FORMER[settings.UPSTREAM_IS_SIMULATED],
        is_simulated=settings.UPSTREAM_IS_SIMULATED,
        is_enabled=False,
    )
    if not settings.UPSTREAM_IS_SIMULATED:
        returning = returning.filter(management_url=settings.CLIPROXYAPI_MANAGEMENT_URL)
    if found := returning.order_by("pk").first():
        Upstream.objects.filter(pk=found.pk).update(
            name=_free_name(), key_encrypted=b"", from_environment=True, is_enabled=True
        )


def _present() -> QuerySet[Upstream]:
    return Upstream.objects.filter(from_environment=True)


def heeds_environment(upstreams: Iterable[Upstream]) -> bool:
    """Whether these, which are all there are, hold the upstream of the environment as it is
    configured there."""
    return not settings.CLIPROXYAPI_MANAGEMENT_URL or any(
        upstream.from_environment and _is_as_configured(upstream) for upstream in upstreams
    )


def _configured() -> dict[str, Any]:
    return {
        "management_url": settings.CLIPROXYAPI_MANAGEMENT_URL,
        "is_simulated": settings.UPSTREAM_IS_SIMULATED,
    }


def _is_as_configured(upstream: Upstream) -> bool:
    return all(getattr(upstream, name) == value for name, value in _configured().items())


def _free_name(wanted: str = ENVIRONMENT_NAME) -> str:
    taken = set(Upstream.objects.values_list("name", flat=True))
    candidates = [wanted, *(f"{wanted}-{n}" for n in range(2, len(taken) + 3))]
    return next(name for name in candidates if name not in taken)


_FIND = f"""
/* management_proxy.upstreams.registry.find_upstream */
SELECT {columns(Upstream, "upstream")}, breaker.state, breaker.until, breaker.strikes
FROM management_proxy_upstream AS upstream
LEFT JOIN management_proxy_upstreambreaker AS breaker ON breaker.upstream_id = upstream.id
WHERE upstream.removed_at IS NULL AND %(name)s IN ('', upstream.name)
ORDER BY upstream.from_environment DESC, upstream.id LIMIT 2
"""


def find_upstream(name: str = "") -> Upstream:
    """The upstream of that name; without one the environment's, else the only one. One query.
    Raises NoSuchUpstream."""
    found = [_with_breaker(row) for row in rows(_FIND, {"name": name})]
    if name and not found:
        raise NoSuchUpstream("There is no upstream of that name.")
    return found[0] if name else _default(found)


def _with_breaker(row: tuple[Any, ...]) -> Upstream:
    upstream, breaker = instance(Upstream, row)
    upstream.breaker_state, upstream.breaker_until, upstream.breaker_strikes = breaker  # type: ignore[attr-defined]
    return upstream


def _default(found: list[Upstream]) -> Upstream:
    """The default one of the first two upstreams, of which the environment's is the first."""
    url = settings.CLIPROXYAPI_MANAGEMENT_URL
    if url and not (found and found[0].from_environment and found[0].management_url == url):
        return ensure_environment_upstream() or _default([])
    if not found:
        raise NoSuchUpstream("No upstream is configured.")
    if len(found) > 1 and not found[0].from_environment:
        raise NoSuchUpstream(
            "There are several upstreams; name one, as in /api/management/@<upstream>/<path>."
        )
    return found[0]
