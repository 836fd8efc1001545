"""What is kept to measure completeness: samples of the upstream's own counters, and intervals
reconciled with events."""

from datetime import timedelta

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from management_proxy.models import Upstream


class CounterSample(models.Model):
    """The counters of an upstream's accounts at one instant, and what had arrived by then; kept for
    two days."""

    upstream = models.ForeignKey(Upstream, on_delete=models.CASCADE, related_name="+")
    taken_at = models.DateTimeField(help_text="On our clock.")
    counters = models.JSONField(
        help_text="Account -> [successes, failures] since the upstream started."
    )
    counted = models.JSONField(
        default=dict, help_text="The same, since the sample before; empty for the first."
    )
    reset_accounts = models.JSONField(
        default=list, help_text="Accounts whose counters fell since the sample before."
    )
    restarted = models.BooleanField(
        default=False, help_text="Whether all counters fell: the upstream was restarted."
    )
    statistics_enabled = models.BooleanField(help_text="The upstream's switch at that time.")
    last_event_id = models.BigIntegerField(help_text="The newest event stored by then.")
    arrived = models.JSONField(
        default=dict,
        help_text="Arrivals since the sample before that ended after it, as `Line`s by account.",
    )
    carried = models.JSONField(
        default=dict,
        help_text="Account -> surplus of the interval before, which this one may lack.",
    )

    class Meta:
        ordering = ("-taken_at",)
        indexes = (
            models.Index(fields=("upstream", "-taken_at"), name="sample_newest_per_upstream"),
        )

    def __str__(self) -> str:
        return f"{self.upstream_id} {self.taken_at:%Y-%m-%d %H:%M:%S}"


class CompletenessInterval(models.Model):
    """How many attempts an upstream counted in a stretch of time, how many of them are stored, and
    why some are not.

    A stretch without loss grows up to an hour; one with a loss stands alone.
    """

    class Cause(models.TextChoices):
        NONE = "", _("nothing is missing")
        WITHOUT_EVENT = "without_event", _("answered without an event")
        STATISTICS_OFF = "statistics_off", _("statistics switched off")
        RESTARTED = "restarted", _("upstream restarted")
        STOPPED = "stopped", _("collector stopped")
        UNREACHABLE = "unreachable", _("upstream out of reach")
        REFUSED = "refused", _("access refused")
        BROKEN_POP = "broken_pop", _("connection broke")
        PUSH_DROPPED = "push_dropped", _("subscription dropped")
        ANOTHER_CONSUMER = "another_consumer", _("another consumer")

    upstream = models.ForeignKey(Upstream, on_delete=models.CASCADE, related_name="+")
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    counted = models.BigIntegerField(help_text="Attempts that the upstream counted.")
    stored = models.BigIntegerField(
        help_text="Events of attempts that ended in this time and that the upstream counts."
    )
    missing = models.BigIntegerField(default=0, help_text="Counted, but never seen.")
    cause = models.CharField(max_length=20, choices=Cause, blank=True, default=Cause.NONE)
    detail = models.CharField(max_length=300, blank=True)
    accounts = models.JSONField(default=dict, help_text="`Line`s by account.")

    class Meta:
        ordering = ("-started_at",)
        constraints = (
            models.UniqueConstraint(
                fields=("upstream", "started_at"), name="completeness_interval_once"
            ),
            models.CheckConstraint(
                condition=Q(ended_at__gt=F("started_at")), name="completeness_interval_forward"
            ),
            models.CheckConstraint(
                condition=Q(missing__gte=0), name="completeness_missing_not_negative"
            ),
        )

    def __str__(self) -> str:
        return f"{self.started_at:%Y-%m-%d %H:%M} {self.get_cause_display()}"

    @property
    def is_loss(self) -> bool:
        """Whether what is missing was an event that we should have had."""
        return self.missing > 0 and self.cause in LOSSES

    @property
    def length(self) -> timedelta:
        """How long it lasts."""
        return self.ended_at - self.started_at


_Cause = CompletenessInterval.Cause
LOSSES = frozenset(
    {
        _Cause.STOPPED,
        _Cause.UNREACHABLE,
        _Cause.REFUSED,
        _Cause.BROKEN_POP,
        _Cause.PUSH_DROPPED,
        _Cause.ANOTHER_CONSUMER,
    }
)
