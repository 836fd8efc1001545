"""Changes of the upstream that users requested, and what the last comparison with it found."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from management_proxy.models import Upstream


class Intent(models.Model):
    """One change of an upstream that was requested, from the request to its outcome; see
    `providers/funnel/writes.py`."""

    class State(models.TextChoices):
        REQUESTED = "requested", _("requested")
        APPLIED = "applied", _("applied")
        UNKNOWN = "unknown", _("unknown")
        VERIFIED = "verified", _("verified")
        FAILED = "failed", _("failed")
        COMPENSATED = "compensated", _("compensated")

    UNSETTLED = (State.REQUESTED, State.APPLIED, State.UNKNOWN)
    # What the upstream discarded though it kept the rest; for `confirmed`, not stored.
    discarded: str = ""

    upstream = models.ForeignKey(Upstream, on_delete=models.PROTECT, related_name="intents")
    kind = models.CharField(max_length=60)
    resource = models.CharField(
        max_length=200, help_text="What it writes; intents of one resource may be applied together."
    )
    subject = models.CharField(
        max_length=64, help_text="The part of the resource that it concerns."
    )
    title = models.CharField(max_length=200)
    reason = models.CharField(max_length=300, blank=True)
    # The change with its secrets; emptied once it cannot be needed any more.
    change_encrypted = models.BinaryField(editable=False)
    state = models.CharField(max_length=12, choices=State, default=State.REQUESTED)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="intents",
    )
    actor_name = models.CharField(
        max_length=150, blank=True, help_text="Stays when the user is deleted."
    )
    before = models.JSONField(null=True, blank=True, help_text="Secrets masked.")
    after = models.JSONField(null=True, blank=True, help_text="Secrets masked.")
    error = models.CharField(max_length=500, blank=True)
    error_field = models.CharField(max_length=60, blank=True)
    error_code = models.CharField(max_length=40, blank=True, help_text="As the JSON API calls it.")
    attempts = models.PositiveSmallIntegerField(
        default=0, help_text="How often it was or may have been sent."
    )
    overtaken = models.PositiveSmallIntegerField(
        default=0, help_text="How many later ones were carried out before it."
    )
    must_save = models.BooleanField(
        default=False, help_text="The upstream took it but could not save it."
    )
    token = models.BigIntegerField(
        null=True, blank=True, help_text="Fencing token of the lease under which it was sent last."
    )
    audit_entry = models.BigIntegerField(null=True, blank=True)
    requested_at = models.DateTimeField(auto_now_add=True)
    applied_at = models.DateTimeField(null=True, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-pk",)
        indexes = (
            # The queue: what is not settled yet, oldest first.
            models.Index(
                fields=("upstream", "id"),
                name="intent_queue",
                condition=Q(state__in=("requested", "applied", "unknown")),
            ),
            models.Index(
                fields=("upstream", "resource", "subject", "id"), name="intent_of_subject"
            ),
        )
        constraints = (
            models.CheckConstraint(
                condition=Q(state__in=("requested", "applied", "unknown"), settled_at=None)
                | (
                    Q(state__in=("verified", "failed", "compensated")) & Q(settled_at__isnull=False)
                ),
                name="intent_settled_iff_over",
            ),
            models.CheckConstraint(
                condition=~Q(state="applied") | Q(token__isnull=False, applied_at__isnull=False),
                name="intent_applied_under_lease",
            ),
        )

    def __str__(self) -> str:
        return f"#{self.pk} {self.title}"

    @property
    def is_settled(self) -> bool:
        """Whether its outcome is certain."""
        return self.state not in self.UNSETTLED

    @property
    def is_waiting(self) -> bool:
        """Whether it still has to be carried out."""
        return self.state in (self.State.REQUESTED, self.State.APPLIED)


class DriftCheck(models.Model):
    """What the last comparison of an upstream with our belief found; secrets masked."""

    upstream = models.OneToOneField(Upstream, on_delete=models.CASCADE, related_name="drift_check")
    checked_at = models.DateTimeField()
    differences = models.JSONField(default=list)
    error = models.CharField(
        max_length=500,
        blank=True,
        help_text="Why it could not be compared; then the differences are older.",
    )

    def __str__(self) -> str:
        return f"{self.upstream}: {len(self.differences)}"
