"""Runs and dead letters in the admin, to look at."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from usage.models import CollectorRun, DeadLetter


class ReadOnlyAdmin(admin.ModelAdmin):
    """Rows that only the collector writes."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


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
