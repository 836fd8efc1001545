"""The admin shows leases, which it can release by force, audit entries and periodic tasks."""

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from monitoring.leases import force_release
from monitoring.models import AuditEntry, Lease, PeriodicTask
from monitoring.web.read_only_admin import ReadOnlyAdmin

# One at a time instead: Django sends no signal for deletions in bulk, so they would be missing from
# the audit trail.
admin.site.disable_action("delete_selected")


@admin.register(Lease)
class LeaseAdmin(admin.ModelAdmin):
    """Read-only but for one action, which is confirmed first and audited."""

    list_display = ("name", "state", "holder", "token", "acquired_at", "age", "time_left")
    search_fields = ("name", "holder")
    readonly_fields = (
        "name",
        "state",
        "holder",
        "token",
        "acquired_at",
        "renewed_at",
        "expires_at",
        "work_id",
        "taken_from",
        "age",
        "time_left",
    )
    actions = ("release_by_force",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Lease]:
        return Lease.with_state()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Lease | None = None) -> bool:
        return False

    @admin.display(description=_("state"))
    def state(self, lease: Lease) -> str:
        if not lease.holder:
            return gettext("free")
        is_held: bool = lease.is_held  # type: ignore[attr-defined]
        return gettext("held") if is_held else gettext("expired")

    @admin.display(description=_("age"))
    def age(self, lease: Lease) -> str:
        return (
            f"{(timezone.now() - lease.acquired_at).total_seconds():.0f} s"
            if lease.acquired_at
            else "–"
        )

    @admin.display(description=_("time left"))
    def time_left(self, lease: Lease) -> str:
        left = (lease.expires_at - timezone.now()).total_seconds() if lease.expires_at else 0
        return f"{left:.0f} s" if left > 0 else "–"

    @admin.action(description=_("Force release…"), permissions=["change"])
    def release_by_force(
        self, request: HttpRequest, leases: QuerySet[Lease]
    ) -> HttpResponse | None:
        if "confirmed" not in request.POST:
            context = {
                **self.admin_site.each_context(request),
                "title": gettext("Release by force?"),
                "leases": leases,
                "opts": self.model._meta,
            }
            return TemplateResponse(request, "monitoring/force_release.html", context)
        for lease in leases:
            released = force_release(lease.name)
            change = gettext("Released by force; holder was %(holder)s, token %(token)s.") % {
                "holder": lease.holder or "none",
                "token": lease.token,
            }
            LogEntry.objects.log_actions(
                request.user.pk or 0, [lease], CHANGE, change, single_object=True
            )
            text = (
                gettext("%(name)s was released; its holder can no longer write.")
                % {"name": lease.name}
                if released
                else gettext("%(name)s was free already.") % {"name": lease.name}
            )
            self.message_user(request, text, messages.SUCCESS if released else messages.INFO)
        return None


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """One act a row; the page under Monitoring filters and exports."""

    list_display = ("at", "actor", "via", "action", "target", "upstream", "outcome", "source_ip")
    list_filter = ("outcome", "via")
    search_fields = ("actor", "action", "target", "request_id")
    show_full_result_count = False


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(ReadOnlyAdmin):
    """When each task was last begun, and how that ended."""

    list_display = ("name", "status", "begun_at", "ended_at", "outcome")
