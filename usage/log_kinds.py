"""The kinds of lines that usage logs."""

from django.utils.translation.trans_null import gettext_noop as _

from monitoring.logs.kinds import ERROR, UPSTREAM, Kind

RUN_ENDED = Kind(
    "collector.run_ended",
    "Collector run ended",
    {
        **UPSTREAM,
        "run_id": _("id of the run, as in the admin"),
        "trigger": _("`loop`, `push`, `command` or `http`"),
        "holder": _("`host:pid:mark` of the process"),
        "lock_wait_ms": _("how long it waited for the lease"),
        "status": _("`succeeded`, `failed` or `lease_lost`"),
        "pages": _("pages popped"),
        "popped": _("elements in them"),
        "processed": _("elements that were read, also those left over in the spool"),
        "stored": _("new events"),
        "skipped": _("elements that made no new event: `duplicates` and `dead_lettered`"),
        "duplicates": _("events that were stored before"),
        "dead_lettered": _("elements that could not be stored"),
        "duration_ms": _("how long it took"),
        "failure_class": _("why it failed; empty if it did not"),
        "recorded": _("false if the lease was lost, so that its row could not be written"),
        **ERROR,
    },
)
COLLECTOR_STARTED = Kind(
    "collector.started",
    "Collector started",
    {"interval_seconds": _("seconds between two polls of an idle queue")},
)
COLLECTOR_STOPPED = Kind("collector.stopped", "Collector stopped")
DATABASE_UNREACHABLE = Kind(
    "collector.database_unreachable", "Database is unreachable", UPSTREAM | ERROR
)
EVENT_REFUSED = Kind(
    "ingest.event_refused",
    "Event refused by the database",
    {"batch": _("name of the spool file"), "position": _("place in it"), **ERROR},
)
COUNTERS_NOT_READ = Kind(
    "completeness.not_measured", "Counters could not be read", UPSTREAM | ERROR
)
PRICE_NOT_FOUND = Kind(
    "costs.price_not_found", "Price not found", {"model": _("name of the model")}
)
EDITION_UNREADABLE = Kind("costs.edition_unreadable", "Edition of the catalogue unreadable", ERROR)
CACHE_NOT_READ = Kind("history.cache_not_read", "The cache cannot be read", ERROR)
CACHE_NOT_WRITTEN = Kind("history.cache_not_written", "The cache cannot be written", ERROR)
REPLICA_NOT_READ = Kind(
    "history.replica_not_read", "The replica cannot be read; the primary is", ERROR
)
