"""What the page of the proxy shows: traffic of a window, by route, and why calls were refused."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from management_proxy.traffic.recording import BINS, PHASES, seconds_of

WINDOWS = {"1h": timedelta(hours=1), "24h": timedelta(hours=24), "7d": timedelta(days=7)}
ROUTES_SHOWN = 40
PHASE_NAMES = {
    "ours": _("ours"),
    "waited": _("waiting"),
    "connect": _("connect"),
    "first_byte": _("first byte"),
    "body": _("body"),
}
FAILURES = ("failed", "upstream_error", "cut")
REASONS = {
    "AUTH_UNAUTHORIZED": _("not signed in"),
    "AUTH_FAILED": _("no CSRF token"),
    "AUTH_INSUFFICIENT_PERMISSIONS": _("role, permission or scope is missing"),
    "ANSWER_TOO_LARGE": _("the response exceeds its budget"),
    "BODY_INCOMPLETE": _("the body ended early"),
    "BODY_REFUSED": _("the body contradicts its policy"),
    "BODY_TOO_LARGE": _("the body exceeds its budget"),
    "BREAKER_OPEN": _("the breaker is open"),
    "BULKHEAD_FULL": _("all slots of the upstream are taken"),
    "CONFIRMATION_NEEDED": _("a destructive form without its confirmation"),
    "LOGIN_UNKNOWN": _("a login of another session"),
    "METHOD_NOT_LISTED": _("the method is not listed"),
    "PATH_MALFORMED": _("the address is malformed"),
    "PATH_NOT_LISTED": _("the path is not listed"),
    "QUERY_INCOMPLETE": _("the query misses a member"),
    "QUERY_NOT_LISTED": _("the query holds what is not listed"),
    "UPSTREAM_BANNED": _("the upstream bans us"),
    "UPSTREAM_BROKEN": _("the connection broke"),
    "UPSTREAM_KEY_REJECTED": _("the upstream refused our key"),
    "UPSTREAM_KEY_ON_TRIAL": _("another call was trying a new key"),
    "UPSTREAM_KEY_UNVERIFIED": _("the upstream neither accepted nor refused a new key"),
    "UPSTREAM_REDIRECTED": _("the upstream redirects"),
    "UPSTREAM_REFUSED": _("the upstream refuses to be managed"),
    "UPSTREAM_TIMEOUT": _("a limit of ours passed"),
    "UPSTREAM_UNAVAILABLE": _("the upstream responded 502, 503 or 504"),
    "UPSTREAM_UNINTELLIGIBLE": _("the response cannot be read"),
    "UPSTREAM_UNKNOWN": _("no such upstream"),
    "UPSTREAM_UNREACHABLE": _("no connection"),
    "caller_left": _("the caller left"),
    "cut": _("cut after it had begun"),
}


@dataclass
class Line:
    """Calls of one route and method, or of all, in the window."""

    route: str = ""
    method: str = ""
    outcomes: Counter[str] = field(default_factory=Counter)
    attempts: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    bins: Counter[int] = field(default_factory=Counter)

    @property
    def calls(self) -> int:
        return self.outcomes.total()

    @property
    def failures(self) -> int:
        return sum(self.outcomes[outcome] for outcome in FAILURES)

    @property
    def failed_percent(self) -> float:
        return 100 * self.failures / self.calls if self.calls else 0.0

    def milliseconds(self, phase: str, percent: float) -> float | None:
        """A percentile of a phase; None if no call went through it."""
        first = PHASES.index(phase) * BINS
        found = sorted(
            (number, n) for number, n in self.bins.items() if first <= number < first + BINS
        )
        rank, seen = sum(n for _bin, n in found) * percent / 100, 0
        for number, n in found:
            seen += n
            if seen >= rank:
                return 1000 * seconds_of(number)
        return None

    @property
    def total(self) -> dict[str, float | None]:
        """`p50` and `p95` of the whole call, milliseconds."""
        return self._percentiles("total")

    @property
    def ours(self) -> dict[str, float | None]:
        """`p50` and `p95` of what was neither the upstream's time nor waiting, milliseconds."""
        return self._percentiles("ours")

    @property
    def split(self) -> list[dict[str, Any]]:
        """Each phase with its name, its percentiles and the share that it has of a slow call, for a
        bar."""
        phases: list[dict[str, Any]] = [
            {"phase": phase, "name": name, **self._percentiles(phase)}
            for phase, name in PHASE_NAMES.items()
        ]
        whole = sum(phase["p95"] or 0.0 for phase in phases) or 1.0
        return [{**phase, "share": 100 * (phase["p95"] or 0.0) / whole} for phase in phases]

    def _percentiles(self, phase: str) -> dict[str, float | None]:
        return {"p50": self.milliseconds(phase, 50), "p95": self.milliseconds(phase, 95)}


@dataclass
class Report:
    """The window's traffic: all of it, by route, and the reasons of what did not pass."""

    minutes: float
    everything: Line
    lines: list[Line]
    route_count: int
    reasons: list[dict[str, Any]]

    @property
    def calls_a_minute(self) -> float:
        return self.everything.calls / self.minutes


def report(window: timedelta, upstream: str = "") -> Report:
    """What went through the proxy within the window until now, to one upstream or to all."""
    lines: dict[tuple[str, str], Line] = {}
    everything, reasons = Line(), defaultdict[str, int](int)
    for route, method, outcome, reason, calls, attempts, bytes_in, bytes_out, bins, counts in _rows(
        window, upstream
    ):
        for line in (everything, lines.setdefault((route, method), Line(route, method))):
            line.outcomes[outcome] += calls
            line.attempts += attempts
            line.bytes_in += bytes_in
            line.bytes_out += bytes_out
            line.bins.update(dict(zip(bins, counts, strict=True)))
        if reason:
            reasons[reason] += calls
    ordered = sorted(lines.values(), key=lambda line: -line.calls)
    return Report(
        window.total_seconds() / 60,
        everything,
        ordered[:ROUTES_SHOWN],
        len(ordered),
        _ranked(reasons),
    )


def _ranked(reasons: dict[str, int]) -> list[dict[str, Any]]:
    most = max(reasons.values(), default=1)
    ranked = sorted(reasons.items(), key=lambda item: -item[1])
    return [
        {
            "reason": reason,
            "meaning": gettext(REASONS.get(reason, "")),
            "count": n,
            "share": 100 * n / most,
        }
        for reason, n in ranked
    ]


def _rows(window: timedelta, upstream: str) -> list[tuple[Any, ...]]:
    condition = "started_at > %(since)s" + (" AND upstream = %(upstream)s" if upstream else "")
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            /* management_proxy.traffic.queries */
            WITH chosen AS (SELECT * FROM management_proxy_proxytraffic WHERE {condition}),
            sums AS (
                SELECT route, method, outcome, reason,
                    sum(calls)::bigint AS calls, sum(attempts)::bigint AS attempts,
                    sum(bytes_in)::bigint AS bytes_in, sum(bytes_out)::bigint AS bytes_out
                FROM chosen GROUP BY route, method, outcome, reason
            ),
            durations AS (
                SELECT route, method, outcome, reason,
                    array_agg(bin) AS bins, array_agg(n) AS counts
                FROM (
                    SELECT route, method, outcome, reason, bin, sum(n)::bigint AS n
                    FROM chosen, unnest(bins, counts) AS h (bin, n)
                    GROUP BY route, method, outcome, reason, bin
                ) AS added GROUP BY route, method, outcome, reason
            )
            SELECT route, method, outcome, reason,
                calls, attempts, bytes_in, bytes_out, bins, counts
            FROM sums JOIN durations USING (route, method, outcome, reason)
            """,
            {"since": timezone.now() - window, "upstream": upstream},
        )
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
