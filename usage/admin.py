"""Runs in the admin, to look at; dead letters, to replay or discard."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from management_proxy.upstreams.admin_filter import UpstreamFilter
from monitoring.web.read_only_admin import ReadOnlyAdmin
from monitoring.web.roles import user_of
from usage.ingest import dead_letters
from usage.models import CollectorRun, DeadLetter
from usage.users import admin as user_admin  # noqa: F401 (registers it)


@admin.register(CollectorRun)
class CollectorRunAdmin(ReadOnlyAdmin):
    """One pass of the collector a row."""

    list_display = (
        "started_at",
        "upstream",
        "trigger",
        "status",
        "looks",
        "popped",
        "stored",
        "duplicates",
        "dead_lettered",
        "pages",
        "duration_ms",
        "lock_wait_ms",
        "failure_class",
        "error",
    )
    list_filter = ("status", "trigger", "failure_class", ("upstream", UpstreamFilter))
    list_select_related = ("upstream",)
    date_hierarchy = "started_at"


@admin.register(DeadLetter)
class DeadLetterAdmin(ReadOnlyAdmin):
    """What could not be stored: looked at with its secrets masked, replayed, or discarded with a
    reason."""

    list_display = (
        "created_at",
        "upstream",
        "reason",
        "detail",
        "payload_bytes",
        "batch",
        "position",
        "state",
        "resolution",
    )
    list_filter = ("state", "reason", ("upstream", UpstreamFilter))
    list_select_related = ("upstream",)
    search_fields = ("detail", "batch", "resolution")
    fields = (
        "upstream",
        "reason",
        "detail",
        "state",
        "resolution",
        "resolved_at",
        "created_at",
        "batch",
        "position",
        "payload_bytes",
        "payload",
    )
    readonly_fields = ("payload",)
    actions = ("replay", "discard")

    def has_resolve_permission(self, request: HttpRequest) -> bool:
        """Whether the user may replay and discard."""
        return request.user.has_perm("usage.change_deadletter")

    @admin.display(description=_("payload (secrets masked)"))
    def payload(self, letter: DeadLetter) -> str:
        return format_html(
            '<pre class="payload" style="white-space: pre-wrap; overflow-wrap: anywhere">{}</pre>',
            dead_letters.shown(letter),
        )

    @admin.action(description=_("Replay"), permissions=["resolve"])
    def replay(self, request: HttpRequest, letters: QuerySet[DeadLetter]) -> None:
        replayed = dead_letters.replay(letters.order_by("pk"), user_of(request))
        text = gettext(
            "%(stored)s stored, %(known)s there already, %(dead)s still cannot be stored."
        ) % {"stored": replayed.stored, "known": replayed.known, "dead": replayed.still_dead}
        level = messages.WARNING if replayed.still_dead else messages.SUCCESS
        self.message_user(request, text, level)

    @admin.action(description=_("Discard…"), permissions=["resolve"])
    def discard(self, request: HttpRequest, letters: QuerySet[DeadLetter]) -> HttpResponse | None:
        if reason := request.POST.get("reason", "").strip():
            count = dead_letters.discard(letters, reason, user_of(request))
            text = gettext("%(count)s discarded.") % {"count": count}
            self.message_user(request, text, messages.SUCCESS)
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Discard for what reason?"),
            "letters": letters,
            "opts": self.model._meta,
        }
        return TemplateResponse(request, "usage/discard_dead_letters.html", context)
