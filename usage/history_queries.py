"""Reading usage: who used what, how much, how fast, what failed. Exact over all rows, at the cost of rollups.

A window is covered by the narrowest rollup that answers exactly: a daily one in the calendar's own zone, else the events
themselves. All have the same columns after `_SOURCES`, so the questions are asked once.
"""

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import connection

from usage.histograms import BIN_SQL
from usage.rollups import TOKEN_SUMS, calendar_zone
from usage.windows import Window

_MEASURES = ("attempts", "requests", *TOKEN_SUMS)
_HISTOGRAM_COLUMNS = "latency_count, latency_sum_ms, latency_max_ms, latency_bins, latency_counts, ttft_count, ttft_sum_ms, ttft_max_ms, ttft_bins, ttft_counts"


def _event_columns() -> str:
    durations = ", ".join(
        f"(coalesce({m}_ms, 0) > 0)::int AS {m}_count, coalesce({m}_ms, 0) AS {m}_sum_ms, coalesce({m}_ms, 0) AS {m}_max_ms, "
        f"CASE WHEN {m}_ms > 0 THEN ARRAY[{BIN_SQL.format(m + '_ms')}] ELSE '{{}}' END AS {m}_bins, "
        f"CASE WHEN {m}_ms > 0 THEN ARRAY[1] ELSE '{{}}' END AS {m}_counts"
        for m in ("latency", "ttft")
    )
    return f"1 AS attempts, is_first_attempt::int AS requests, {', '.join(TOKEN_SUMS)}, {durations}"


_ROLLUP_COLUMNS = f"{', '.join(_MEASURES)}, {_HISTOGRAM_COLUMNS}"
_DAILY = "SELECT bucket AS day, series_id, {key} AS client_key_id, {columns} FROM {table} WHERE bucket BETWEEN %(first)s AND %(last)s"
_SOURCES = {
    "daily_overall": _DAILY.format(key="NULL::bigint", columns=_ROLLUP_COLUMNS, table="usage_usagedailyoverall"),
    "daily": _DAILY.format(key="nullif(client_key_id, 0)", columns=_ROLLUP_COLUMNS, table="usage_usagedaily"),
    "events": f'SELECT ("timestamp" AT TIME ZONE %(zone)s)::date AS day, series_id, client_key_id, {_event_columns()} '
    'FROM usage_event WHERE "timestamp" >= %(start)s AND "timestamp" < %(end)s',
}


@dataclass(frozen=True)
class Scope:
    """Whose usage may be seen: everybody's, or that of one user's own client keys."""

    owner_id: int | None
    sees_everything: bool

    @classmethod
    def of(cls, user: AbstractBaseUser | AnonymousUser) -> "Scope":
        """Staff see everything, other users what their own client keys used; the one place that decides."""
        return cls(owner_id=user.pk, sees_everything=bool(getattr(user, "is_staff", False)))

    @property
    def sql(self) -> str:
        """A condition on the events or rollup rows `u`."""
        return self.over("u")

    def over(self, table: str) -> str:
        """A condition on the events or rollup rows of a table with this name, with the parameter `owner`."""
        return "TRUE" if self.sees_everything else f"{table}.client_key_id IN (SELECT id FROM providers_clientkey WHERE owner_id = %(owner)s)"


@dataclass(frozen=True)
class Question:
    """A window and a scope, with the SQL that answers it."""

    window: Window
    scope: Scope

    @property
    def source(self) -> str:
        """The name of the rollup that answers exactly, by key and model, at the least cost."""
        return "daily" if self.window.zone.key == calendar_zone() else "events"

    @property
    def overall_source(self) -> str:
        """The same where only the sum of everything in scope is wanted."""
        source = self.source
        return "daily_overall" if source == "daily" and self.scope.sees_everything else source

    @property
    def parameters(self) -> dict[str, Any]:
        """Parameters of every statement."""
        w = self.window
        return {"first": w.first, "last": w.last, "start": w.start, "end": w.end, "zone": w.zone.key, "owner": self.scope.owner_id}

    def rows(self, sql: str, name: str, source: str = "", **parameters: Any) -> list[dict[str, Any]]:
        """The rows of a statement in which `{used}` stands for the window's rows joined with their series as `u` and `s`."""
        used = f"({_SOURCES[source or self.source]}) AS u JOIN usage_usageseries AS s ON s.id = u.series_id"
        statement = f"/* usage.history.{name} */ " + sql.replace("{used}", used).replace("{scope}", self.scope.sql)
        with connection.cursor() as cursor:
            cursor.execute(statement, {**self.parameters, **parameters})
            columns = [column.name for column in cursor.description or ()]
            return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]


_SUMS = ", ".join(f"sum(u.{name})::bigint AS {name}" for name in _MEASURES)
_OUTCOMES = "coalesce(sum(u.attempts) FILTER (WHERE s.failed), 0)::bigint AS failed"


def grouped_sums(question: Question) -> list[dict[str, Any]]:
    """Sums per client key (id, name, owner) and model, per day, and per failure class, in one pass over the rollup."""
    return question.rows(
        f"""
        SELECT grouped.*, k.name AS key_name, k.last_four, k.owner_id, a.username FROM (
            SELECT grouping(u.day) = 0 AS is_day, grouping(s.failure_class) = 0 AS is_class,
                u.day, u.client_key_id, s.model, s.failure_class, {_SUMS}, {_OUTCOMES}
            FROM {{used}} WHERE {{scope}}
            GROUP BY GROUPING SETS ((u.day), (u.client_key_id, s.model), (s.failure_class))
        ) AS grouped
        LEFT JOIN providers_clientkey AS k ON k.id = grouped.client_key_id
        LEFT JOIN auth_user AS a ON a.id = k.owner_id
        """,
        "grouped_sums",
    )


def durations(question: Question, measure: str) -> dict[str, Any]:
    """Count, sum, maximum and histogram (ascending pairs of bin and count) of `latency` or `ttft`."""
    rows = question.rows(
        f"SELECT sum(u.{measure}_count)::bigint AS n, sum(u.{measure}_sum_ms)::bigint AS total, max(u.{measure}_max_ms) AS largest "
        "FROM {used} WHERE {scope}",
        "durations",
        question.overall_source,
    )
    bins = question.rows(
        f"SELECT bin, sum(n)::bigint AS n FROM {{used}}, unnest(u.{measure}_bins, u.{measure}_counts) AS h (bin, n) WHERE {{scope}} GROUP BY 1 ORDER BY 1",
        "histogram",
        question.overall_source,
    )
    return {**rows[0], "histogram": [(row["bin"], row["n"]) for row in bins]}


_EVENT_COLUMNS = """
    u.id, u."timestamp", u.latency_ms, u.ttft_ms, u.total_tokens, u.uncached_input_tokens, u.cache_read_tokens, u.cache_write_tokens,
    u.non_reasoning_output_tokens, u.reasoning_tokens, u.unclassified_tokens, u.fail_status, u.request_id,
    u.client_key_id, s.model, s.alias, s.provider, s.endpoint, s.failed, s.failure_class,
    k.name AS key_name, k.last_four, a.username, c.label AS credential
"""
_EVENT_JOINS = """
    JOIN usage_usageseries AS s ON s.id = u.series_id
    LEFT JOIN providers_clientkey AS k ON k.id = u.client_key_id
    LEFT JOIN auth_user AS a ON a.id = k.owner_id
    LEFT JOIN providers_credential AS c ON c.id = u.credential_id
"""


def newest_events(question: Question, limit: int, *, with_latency: bool = False) -> list[dict[str, Any]]:
    """The newest events of the window, newest first, ties by id; optionally only those with a latency."""
    condition = "AND u.latency_ms > 0" if with_latency else ""
    return question.rows(
        f'SELECT {_EVENT_COLUMNS} FROM usage_event AS u {_EVENT_JOINS} WHERE u."timestamp" >= %(start)s AND u."timestamp" < %(end)s '
        f'AND {{scope}} {condition} ORDER BY u."timestamp" DESC, u.id DESC LIMIT %(limit)s',
        "newest_events",
        limit=limit,
    )
