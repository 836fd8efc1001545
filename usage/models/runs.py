"""Runs of the collector, and the dead letters that they leave."""

import uuid

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from management_proxy.models import Upstream
from usage.models.failures import FailureClass


class CollectorRun(models.Model):
    """One pass of the collector over one upstream's queue; or many polls in a row that found it
    empty (`usage/collector/poller.py`)."""

    class Trigger(models.TextChoices):
        LOOP = "loop", _("loop")
        COMMAND = "command", _("command")
        HTTP = "http", _("HTTP")
        PUSH = "push", _("push")

    class Status(models.TextChoices):
        RUNNING = "running", _("running")
        SUCCEEDED = "succeeded", _("succeeded")
        FAILED = "failed", _("failed")
        LEASE_LOST = "lease_lost", _("lease lost")
        ABANDONED = "abandoned", _("abandoned")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    upstream = models.ForeignKey(Upstream, on_delete=models.CASCADE, related_name="runs")
    trigger = models.CharField(max_length=10, choices=Trigger)
    holder = models.CharField(max_length=200)
    token = models.BigIntegerField(help_text="Fencing token of the lease under which it ran.")
    status = models.CharField(max_length=12, choices=Status, default=Status.RUNNING)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    duration_ms = models.BigIntegerField(null=True, blank=True)
    lock_wait_ms = models.BigIntegerField(default=0)
    popped = models.BigIntegerField(default=0)
    stored = models.BigIntegerField(default=0)
    duplicates = models.BigIntegerField(default=0)
    dead_lettered = models.BigIntegerField(default=0)
    pages = models.IntegerField(default=0)
    looks = models.IntegerField(
        default=1,
        db_default=1,
        help_text=(
            "More than one: so many found nothing, from the start of the first to the end of the"
            " last."
        ),
    )
    failure_class = models.CharField(max_length=20, choices=FailureClass, blank=True)
    error = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ("-started_at",)
        indexes = (
            models.Index(fields=("upstream", "-started_at"), name="run_newest_per_upstream"),
        )
        constraints = (
            models.CheckConstraint(
                condition=Q(status="running", ended_at=None)
                | (~Q(status="running") & Q(ended_at__gte=F("started_at"))),
                name="run_ended_iff_not_running",
            ),
            models.UniqueConstraint(
                fields=("upstream",),
                condition=Q(status="running"),
                name="one_running_run_per_upstream",
            ),
        )

    def __str__(self) -> str:
        return str(self.id)


class DeadLetter(models.Model):
    """An element of a popped page that could not be stored, kept encrypted so that it can be
    replayed after a fix."""

    class Reason(models.TextChoices):
        INVALID_PAGE = "invalid_page", _("page is no JSON array")
        NOT_AN_OBJECT = "not_an_object", _("element is no object")
        INVALID_FIELD = "invalid_field", _("field of a wrong type")
        MISSING_FIELD = "missing_field", _("required field missing")
        IMPOSSIBLE_DATE = "impossible_date", _("impossible timestamp")
        NOT_STORABLE = "not_storable", _("refused by the database")

    class State(models.TextChoices):
        PENDING = "pending", _("pending")
        REPLAYED = "replayed", _("replayed")
        DISCARDED = "discarded", _("discarded")

    upstream = models.ForeignKey(Upstream, on_delete=models.PROTECT, related_name="dead_letters")
    batch = models.CharField(max_length=80, help_text="Name of the spool file it came in.")
    position = models.IntegerField(help_text="Its place in that page, from 0.")
    reason = models.CharField(max_length=20, choices=Reason)
    detail = models.CharField(max_length=300)
    payload_encrypted = models.BinaryField(editable=False)
    payload_bytes = models.BigIntegerField()
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    created_at = models.DateTimeField(auto_now_add=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolution = models.CharField(
        max_length=300, blank=True, help_text="Who replayed or discarded it, and why."
    )

    class Meta:
        ordering = ("-pk",)
        constraints = (
            # The same spool file ingested twice leaves one row.
            models.UniqueConstraint(
                fields=("upstream", "batch", "position"), name="dead_letter_once_per_element"
            ),
        )

    def __str__(self) -> str:
        return f"{self.get_reason_display()} ({self.batch} #{self.position})"
