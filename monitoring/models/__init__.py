"""Tables: leases, periodic tasks, the audit trail and alerts."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from monitoring.models.alerts import Alert, AlertChannel, AlertMessage, AlertRule, Severity


class Lease(models.Model):
    """The right to do one named thing for a while; the row is never deleted and its token only
    grows."""

    name = models.CharField(max_length=120, primary_key=True)
    token = models.BigIntegerField(
        default=0, help_text="Fencing token: one larger with every new term."
    )
    holder = models.CharField(
        max_length=200, blank=True, help_text="host:pid:random of the process that holds it."
    )
    acquired_at = models.DateTimeField(null=True, blank=True)
    renewed_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(
        null=True, blank=True, help_text="On the database's clock; empty when free."
    )
    work_id = models.UUIDField(
        null=True, blank=True, help_text="What it is held for, by an id of the holder's own."
    )
    taken_from = models.CharField(
        max_length=200,
        blank=True,
        default="",
        db_default="",
        help_text="Who held it before the present term and never gave it up.",
    )

    class Meta:
        ordering = ("name",)
        constraints = (
            models.CheckConstraint(condition=Q(token__gte=0), name="lease_token_not_negative"),
            # Held means all three are set, free means none is.
            models.CheckConstraint(
                condition=Q(holder="", acquired_at=None, renewed_at=None, expires_at=None)
                | (
                    ~Q(holder="")
                    & Q(
                        acquired_at__isnull=False,
                        renewed_at__isnull=False,
                        expires_at__isnull=False,
                    )
                ),
                name="lease_held_or_free",
            ),
        )

    def __str__(self) -> str:
        return self.name

    @classmethod
    def with_state(cls) -> models.QuerySet["Lease"]:
        """Leases with `is_held`, judged by the database's clock."""
        return cls.objects.annotate(
            is_held=models.ExpressionWrapper(
                Q(expires_at__gt=Now()), output_field=models.BooleanField()
            )
        )


class PeriodicTask(models.Model):
    """When a task of `monitoring/periodic.py` was last begun, and how that ended."""

    class Status(models.TextChoices):
        NEVER = "never", _("never done")
        RUNNING = "running", _("running")
        SUCCEEDED = "succeeded", _("succeeded")
        TROUBLE = "trouble", _("found trouble")
        FAILED = "failed", _("failed")

    name = models.CharField(max_length=80, primary_key=True)
    status = models.CharField(max_length=10, choices=Status, default=Status.NEVER)
    begun_at = models.DateTimeField(null=True, blank=True, help_text="On the database's clock.")
    ended_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ("name",)
        constraints = (
            models.CheckConstraint(
                condition=Q(status="never") | Q(begun_at__isnull=False),
                name="task_begun_unless_never",
            ),
            models.CheckConstraint(
                condition=Q(status__in=("never", "running"), ended_at=None)
                | (~Q(status__in=("never", "running")) & Q(ended_at__isnull=False)),
                name="task_ended_iff_not_running",
            ),
        )

    def __str__(self) -> str:
        return self.name


class AuditEntry(models.Model):
    """One act of a person, a script or Tollgate itself; written by `monitoring/audit/trail.py`,
    never changed afterwards."""

    class Outcome(models.TextChoices):
        PENDING = "pending", _("pending")
        SUCCEEDED = "succeeded", _("succeeded")
        REFUSED = "refused", _("refused")
        FAILED = "failed", _("failed")
        UNKNOWN = "unknown", _("unknown")

    class Via(models.TextChoices):
        SESSION = "session", _("session")
        TOKEN = "token", _("token")
        COLLECTOR_KEY = "collector_key", _("collector key")
        COMMAND = "command", _("command")
        NONE = "none", _("not signed in")

    at = models.DateTimeField(db_default=Now(), help_text="On the database's clock.")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    actor = models.CharField(
        max_length=150, help_text="The name at that time; stays when the user is deleted."
    )
    via = models.CharField(max_length=20, choices=Via)
    action = models.CharField(max_length=80)
    target = models.CharField(max_length=300)
    upstream = models.CharField(max_length=60, blank=True)
    source_ip = models.CharField(max_length=45, blank=True)
    outcome = models.CharField(max_length=20, choices=Outcome)
    detail = models.JSONField(default=dict, blank=True)
    request_id = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ("-id",)
        verbose_name_plural = "audit entries"
        indexes = (
            models.Index(fields=("at",), name="audit_at"),
            models.Index(fields=("actor", "-id"), name="audit_actor"),
            models.Index(fields=("action", "-id"), name="audit_action"),
            models.Index(fields=("upstream", "-id"), name="audit_upstream"),
            models.Index(fields=("request_id",), name="audit_request", condition=~Q(request_id="")),
        )
        constraints = (
            models.CheckConstraint(
                condition=Q(outcome__in=("pending", "succeeded", "refused", "failed", "unknown")),
                name="audit_outcome_known",
            ),
            models.CheckConstraint(
                condition=Q(via__in=("session", "token", "collector_key", "command", "none")),
                name="audit_via_known",
            ),
        )

    def __str__(self) -> str:
        return f"{self.actor} {self.action} {self.target}"


class CounterTotal(models.Model):
    """What all processes together have counted of one series of a metric
    (`monitoring/metrics/shared.py`); only grows."""

    pk = models.CompositePrimaryKey("metric", "labels")
    metric = models.CharField(max_length=100)
    labels = models.CharField(max_length=400, help_text="Values of the labels as a JSON array.")
    value = models.FloatField()

    def __str__(self) -> str:
        return f"{self.metric} {self.labels}"


__all__ = [
    "Alert",
    "AlertChannel",
    "AlertMessage",
    "AlertRule",
    "AuditEntry",
    "CounterTotal",
    "Lease",
    "PeriodicTask",
    "Severity",
]
