"""Probes: whether this process lives, whether it can serve, and how the whole is.

* `/healthz`: the process responds; nothing else is checked.
* `/readyz`: what this instance needs itself: the database, its migrations, and what the apps
  register (`register`), such as a spool that can be written. An ill upstream is none of these: it
  must not take instances out of service.
* `/api/health`: in the form that consumers of the present dashboard know, with the upstreams.

Anonymous, and read once a second at most whatever the number of callers. Only staff see which part
is ill.
"""

from collections.abc import Callable, Mapping
from functools import cache

from django.db import Error as DatabaseError
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from monitoring.api.recent import Recent

KEPT_SECONDS = 1.0

Check = Callable[[], bool]
State = dict[str, bool]
_checks: dict[str, Check] = {}
_upstreams: list[Check] = []


def register(name: str, check: Check) -> None:
    """Make a part of readiness: `check` returns whether it is well."""
    _checks[name] = check


def register_upstreams(check: Check) -> None:
    """Set what `/api/health` shows as `proxy`: whether the upstreams are well, by what is known."""
    _upstreams[:] = [check]


def _read_readiness() -> State:
    is_there = _is_well(_database)
    checks = {"migrations": _migrations, **_checks}
    return {
        "database": is_there,
        **{name: is_there and _is_well(check) for name, check in checks.items()},
    }


def _read_health() -> State:
    is_there = _is_well(_database)
    return {"database": is_there, "proxy": is_there and all(map(_is_well, _upstreams))}


def _is_well(check: Check) -> bool:
    try:
        return check()
    except (DatabaseError, OSError):
        connection.close()
        return False


def _database() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("/* monitoring.probes */ SELECT 1")
        return True


@cache
def _known_migrations() -> frozenset[tuple[str, str]]:
    return frozenset(MigrationLoader(None).disk_migrations or ())


def _migrations() -> bool:
    applied = MigrationRecorder(connection).applied_migrations()
    return not _known_migrations() - applied.keys()


readiness = Recent(_read_readiness, KEPT_SECONDS)
health = Recent(_read_health, KEPT_SECONDS)


@require_safe
@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """The process responds."""
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """`{"status": "ok"}`, or 503 and `not ready`; for staff also each part."""
    state = readiness()
    is_ready = all(state.values())
    detail = {name: "ok" if well else "not ok" for name, well in state.items()}
    return _response(request, state, "ok" if is_ready else "not ready", {"checks": detail})


@require_safe
@never_cache
def api_health(request: HttpRequest) -> JsonResponse:
    """`{"status": "ok"}`, or 503 and `degraded`; for staff also `database` and `proxy`."""
    state = health()
    is_well = all(state.values())
    detail = {name: "connected" if well else "error" for name, well in state.items()}
    return _response(request, state, "ok" if is_well else "degraded", detail)


def _response(
    request: HttpRequest, state: State, status: str, detail: Mapping[str, object]
) -> JsonResponse:
    # Who asks is in the database.
    shown = detail if state["database"] and request.user.is_staff else {}
    return JsonResponse({"status": status, **shown}, status=200 if status == "ok" else 503)
