"""The kinds of lines that monitoring logs itself."""

from django.utils.translation.trans_null import gettext_noop as _

from monitoring.logs.kinds import ERROR, Kind

_TASK = {"task": _("name of the periodic task"), "outcome": _("what it did or found")}

REQUEST = Kind(
    "http.request",
    "Request",
    {
        "method": _("GET, POST, ...; `other` for a word that is none"),
        "route": _("template of the address, never the address itself; `static` or `unmatched`"),
        "status": _("status of the response"),
        "user_id": _("id of the signed-in user, if the request needed one"),
        "token_id": _("id of the personal token that authenticated it"),
        "bytes": _("size of the response's body"),
        "duration_ms": _("from the first byte of our code to the response, to its end if streamed"),
        "database_ms": _("of that waiting for the database"),
        "upstream_ms": _("waiting for upstreams"),
        "cache_ms": _("waiting for the cache, or for another request that reads the same"),
        "ours_ms": _("the rest"),
        "statements": _("statements executed"),
        "query": _("kinds of query about usage, comma-separated"),
        "sources": _("rollups, or `events`, that these were read from"),
        "rows": _("rows that these statements returned"),
        "cache": _("`hit`, `miss`, `joined` (another request's read) or `fresh` (not wanted)"),
        "days": _("longest range that was requested, in days"),
    },
)
SLOW_STATEMENT = Kind(
    "database.slow_statement",
    "Statement was slow",
    {
        "statement": _("name of the statement, as in pg_stat_activity"),
        "duration_ms": _("how long it took"),
        "plan": _("shape of its plan: nodes, tables and indexes, no values"),
        "rows": _("rows that it returned"),
    },
)
GAUGES_FAILED = Kind(
    "metrics.source_failed", "Gauges could not be read", {"source": _("name of the source")}
)
COUNTERS_UNREADABLE = Kind(
    "metrics.counters_unreadable",
    "The counters of a dead worker cannot be read",
    {"worker": _("process id of the worker")},
)
COUNTERS_NOT_STORED = Kind(
    "metrics.counters_not_stored", "Counters of this process cannot be stored yet", ERROR
)
CHECK_FAILED = Kind("health.check_failed", "Health check failed", {"check": _("name of the check")})
TASK_DONE = Kind("task.done", "Periodic task done", _TASK)
TASK_TROUBLE = Kind("task.trouble", "Periodic task found trouble", _TASK)
TASK_FAILED = Kind("task.failed", "Periodic task failed", _TASK)
TASKS_WAIT = Kind("task.waiting", "Periodic tasks wait for the database", ERROR)
_MESSAGE = {
    "alert_message": _("its id, the same in every attempt"),
    "channel": _("name of the channel"),
    "kind": _("`firing`, `reminder`, `resolved` or `test`"),
    "attempts": _("attempts so far"),
    "outcome": _("what the other side responded, secrets masked"),
}
ALERT_CHANGED = Kind(
    "alerts.changed",
    "Alert changed",
    {
        "alert_id": _("its number, as in the history of alerts"),
        "rule": _("code of a rule that Tollgate ships; of another its name"),
        "severity": _("`notice`, `warning` or `critical`"),
        "change": _("`fired`, `reminded` or `resolved`"),
        "value": _("its present value, in the unit of the rule"),
    },
)
ALERT_MESSAGE_DELIVERED = Kind("alerts.delivered", "Alert message delivered", _MESSAGE)
ALERT_MESSAGE_REFUSED = Kind("alerts.not_accepted", "Alert message not accepted", _MESSAGE)
ALERT_OUTCOME_NOT_STORED = Kind(
    "alerts.outcome_not_stored", "Alert message: outcome not stored", ERROR
)
ALERT_RULE_BROKEN = Kind(
    "alerts.rule_broken", "Alert rule cannot be evaluated", {"rule": _("name of the rule")}
)
ALERTS_NOT_EVALUATED = Kind("alerts.not_evaluated", "Alerts were not evaluated")
OUTAGE_ANNOUNCED = Kind(
    "alerts.outage_announced",
    "Database outage announced",
    {"channel": _("name of the channel"), "outcome": _("what the other side responded")},
)
