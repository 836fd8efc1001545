"""Runs and dead letters in the admin, to look at."""

from django.contrib import admin

from monitoring.read_only_admin import ReadOnlyAdmin
from usage.models import CollectorRun, DeadLetter


@admin.register(CollectorRun)
class CollectorRunAdmin(ReadOnlyAdmin):
    """One pass of the collector a row."""

    list_display = (
        "started_at", "upstream", "trigger", "status", "popped", "stored", "duplicates",
        "dead_lettered", "pages", "duration_ms", "lock_wait_ms", "failure_class", "error",
    )  # fmt: skip
    list_filter = ("status", "trigger", "failure_class", "upstream")
    list_select_related = ("upstream",)
    date_hierarchy = "started_at"


@admin.register(DeadLetter)
class DeadLetterAdmin(ReadOnlyAdmin):
    """What could not be stored; the payload stays encrypted and is not shown."""

    list_display = ("created_at", "upstream", "reason", "detail", "payload_bytes", "batch", "position", "state")
    list_filter = ("state", "reason", "upstream")
    list_select_related = ("upstream",)
    search_fields = ("detail", "batch")
