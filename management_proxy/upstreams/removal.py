"""Removing an upstream: it is collected from and served no more, and its usage history stays its
own.

    present --remove--> removed (for good; another of the same name or address is another upstream)

Invariants
* The row stays, since events, keys and changes point to it; `Upstream.objects` leaves it out
  everywhere. It is renamed, which frees its name and still names its history in filters.
* A removed upstream has no management key and is not enabled (a constraint), so a process that
  still holds its row can neither call it nor collect: a collector ends at its next step, after
  storing what it has popped.
* What other apps have under way for it prevents a removal, and the secrets they keep of it are
  deleted with it. They register a check and a clean-up, which run in the transaction that removes,
  with the row locked.
"""

from collections.abc import Callable

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext

from management_proxy.models import Access, ProxyTraffic, Upstream, UpstreamBreaker
from monitoring.audit import trail

# A sentence: what prevents the removal and what to do about it; empty if nothing does.
Obstacle = Callable[[Upstream], str]
CleanUp = Callable[[Upstream], None]

# Leaves room for the word behind it.
_LONGEST_KEPT_NAME = 40
_obstacles: dict[str, Obstacle] = {}
_clean_ups: dict[str, CleanUp] = {}


def register(obstacle: Obstacle, clean_up: CleanUp | None = None) -> None:
    """Let an app prevent removals, and clean up at one; both inside its transaction."""
    _obstacles[f"{obstacle.__module__}.{obstacle.__qualname__}"] = obstacle
    if clean_up:
        _clean_ups[f"{clean_up.__module__}.{clean_up.__qualname__}"] = clean_up


def reasons_against(upstream: Upstream) -> list[str]:
    """Why it must not be removed now, as sentences; empty if it may be."""
    with transaction.atomic():
        return [
            reason
            for obstacle in (_named_by_environment, *_obstacles.values())
            if (reason := obstacle(upstream))
        ]


def remove(upstream: Upstream, actor: User) -> list[str]:
    """Remove it, or return the reasons why not. The instance is the removed one afterwards, with
    its new name."""
    with transaction.atomic():
        locked = Upstream.objects.select_for_update(no_key=True).filter(pk=upstream.pk).first()
        name = locked.name if locked else upstream.name
        reasons = reasons_against(locked) if locked else [gettext("It was removed already.")]
        if locked and not reasons:
            _remove(locked)
            upstream.refresh_from_db()
        _record(upstream, name, actor, reasons)
    return reasons


def _record(upstream: Upstream, name: str, actor: User, reasons: list[str]) -> None:
    trail.record(
        actor,
        "upstream.removed",
        upstream.management_url,
        upstream=name,
        outcome=trail.Outcome.REFUSED if reasons else trail.Outcome.SUCCEEDED,
        detail={"reasons": reasons, "id": upstream.pk},
    )


def _remove(upstream: Upstream) -> None:
    old, new = upstream.name, _free_name(upstream.name)
    for clean_up in _clean_ups.values():
        clean_up(upstream)
    Upstream.objects.filter(pk=upstream.pk).update(
        name=new,
        key_encrypted=b"",
        from_environment=False,
        is_enabled=False,
        access=Access.OPEN,
        access_detail="",
        blocked_until=None,
        removed_at=timezone.now(),
    )
    UpstreamBreaker.objects.filter(upstream=upstream).delete()
    ProxyTraffic.objects.filter(upstream=old).update(upstream=new)


def _free_name(name: str) -> str:
    kept = name[:_LONGEST_KEPT_NAME]
    alike = Upstream.with_removed.filter(name__startswith=f"{kept} (removed")
    taken = set(alike.values_list("name", flat=True))
    candidates = [f"{kept} (removed)", *(f"{kept} (removed {n})" for n in range(2, len(taken) + 3))]
    return next(candidate for candidate in candidates if candidate not in taken)


def _named_by_environment(upstream: Upstream) -> str:
    if not (upstream.from_environment and settings.CLIPROXYAPI_MANAGEMENT_URL):
        return ""
    return gettext(
        "The environment names it and would bring it back: take CLIPROXYAPI_MANAGEMENT_URL away and"
        " restart, or pause it."
    )
