"""Alerts: rules, what they found, where messages go, and the messages themselves
(`monitoring/alerts/engine.py` has their states)."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q, Value
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from monitoring.encryption import decrypt, encrypt
from monitoring.planned_statements import rows


class Severity(models.TextChoices):
    """How urgent an alert is, from fine to urgent."""

    NOTICE = "notice", _("notice")
    WARNING = "warning", _("warning")
    CRITICAL = "critical", _("critical")

    @property
    def rank(self) -> int:
        """0 for `notice`, growing with urgency."""
        return list(Severity).index(self)


class AlertChannel(models.Model):
    """A place that messages are sent to. Its address is a secret: whoever knows it can send."""

    class Kind(models.TextChoices):
        APPRISE = "apprise", _("service (Apprise address)")
        WEBHOOK = "webhook", _("signed webhook")

    name = models.CharField(max_length=60, unique=True)
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.APPRISE)
    address_encrypted = models.BinaryField()
    secret_encrypted = models.BinaryField(blank=True, default=b"")
    address_hint = models.CharField(max_length=100, help_text="What may be seen of the address.")
    least_severity = models.CharField(
        max_length=10, choices=Severity, default=Severity.NOTICE, help_text=_("Nothing milder.")
    )
    language = models.CharField(
        max_length=20,
        blank=True,
        default="",
        db_default="",
        help_text=_("Of the messages; empty: the installation's."),
    )
    is_enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("name",)
        constraints = (
            models.CheckConstraint(
                condition=Q(kind="apprise", secret_encrypted=b"")
                | (Q(kind="webhook") & ~Q(secret_encrypted=b"")),
                name="webhook_has_a_secret",
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def written_in(self) -> str:
        """The code of the language of its messages."""
        return (
            self.language
            if self.language in dict(settings.LANGUAGES)
            else settings.DEFAULT_LANGUAGE
        )

    @property
    def address(self) -> str:
        """The address; raises UndecryptableError."""
        return decrypt(bytes(self.address_encrypted)).decode()

    @property
    def secret(self) -> str:
        """What signs a webhook, else empty; raises UndecryptableError."""
        return decrypt(bytes(self.secret_encrypted)).decode() if self.secret_encrypted else ""

    def store_address(self, address: str, hint: str) -> None:
        """Set the address, without saving."""
        self.address_encrypted, self.address_hint = encrypt(address.encode()), hint[:100]

    def store_secret(self, secret: str) -> None:
        """Set the signing secret, without saving."""
        self.secret_encrypted = encrypt(secret.encode())


class AlertRule(models.Model):
    """When to alert: a signal, filtered, over a window, against a threshold, for some time."""

    class Comparison(models.TextChoices):
        AT_LEAST = "at_least", _("at least")
        AT_MOST = "at_most", _("at most")

    name = models.CharField(max_length=80, unique=True)
    code = models.CharField(
        max_length=40, blank=True, help_text="Names a rule that Tollgate ships; empty of others."
    )
    signal = models.CharField(max_length=60)
    filters = models.JSONField(default=dict, blank=True)
    comparison = models.CharField(max_length=10, choices=Comparison, default=Comparison.AT_LEAST)
    threshold = models.FloatField()
    window_seconds = models.PositiveIntegerField(default=600)
    least_volume = models.PositiveIntegerField(
        default=0, help_text=_("With fewer events in the window nothing is judged.")
    )
    hold_seconds = models.PositiveIntegerField(
        default=0, help_text=_("The condition must hold so long before the alert fires.")
    )
    calm_seconds = models.PositiveIntegerField(
        default=300, help_text=_("It must have ended so long before the alert is resolved.")
    )
    repeat_seconds = models.PositiveIntegerField(
        default=14_400, help_text=_("While it fires, again after so long; 0 for never.")
    )
    severity = models.CharField(max_length=10, choices=Severity, default=Severity.WARNING)
    is_enabled = models.BooleanField(default=True)
    channels = models.ManyToManyField(
        AlertChannel, blank=True, related_name="rules", help_text=_("None chosen: all of them.")
    )
    silenced_until = models.DateTimeField(null=True, blank=True)
    silenced_by = models.CharField(max_length=150, blank=True)
    evaluated_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(
        max_length=300, blank=True, help_text="Why it cannot be evaluated; empty if it can."
    )
    error_since = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(
                fields=("code",), condition=~Q(code=""), name="alert_rule_code_once"
            ),
            models.CheckConstraint(
                condition=Q(error="", error_since=None)
                | (~Q(error="") & Q(error_since__isnull=False)),
                name="alert_rule_error_has_a_start",
            ),
        )

    def __str__(self) -> str:
        return self.name


class Alert(models.Model):
    """What a rule found about one subject, from the first breach to its end; kept as history."""

    class State(models.TextChoices):
        PENDING = "pending", _("pending")
        FIRING = "firing", _("firing")
        RESOLVED = "resolved", _("resolved")

    OPEN = (State.PENDING, State.FIRING)

    rule = models.ForeignKey(AlertRule, models.SET_NULL, null=True, related_name="alerts")
    rule_name = models.CharField(max_length=80)
    subject = models.CharField(max_length=200, blank=True)
    severity = models.CharField(max_length=10, choices=Severity)
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    value = models.FloatField()
    worst = models.FloatField()
    detail = models.CharField(max_length=500, blank=True)
    details = models.JSONField(
        default=dict,
        db_default=Value({}, models.JSONField()),
        help_text="The detail by language, where it is not in the installation's.",
    )
    url = models.CharField(max_length=1000, blank=True)
    pending_since = models.DateTimeField(help_text="First breach, on the database's clock.")
    fired_at = models.DateTimeField(null=True, blank=True)
    breached_at = models.DateTimeField(help_text="Last breach.")
    resolved_at = models.DateTimeField(null=True, blank=True)
    announced_at = models.DateTimeField(
        null=True, blank=True, help_text="Last message that it fires."
    )
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.CharField(max_length=150, blank=True)
    silenced_until = models.DateTimeField(null=True, blank=True)
    silenced_by = models.CharField(max_length=150, blank=True)

    class Meta:
        ordering = ("-pending_since", "-pk")
        constraints = (
            models.UniqueConstraint(
                fields=("rule", "subject"),
                condition=Q(state__in=("pending", "firing")),
                name="one_open_alert_per_subject",
            ),
            models.CheckConstraint(
                condition=Q(state="pending", fired_at=None, resolved_at=None)
                | Q(state="firing", fired_at__isnull=False, resolved_at=None)
                | Q(state="resolved", fired_at__isnull=False, resolved_at__isnull=False),
                name="alert_state_has_its_instants",
            ),
            models.CheckConstraint(
                condition=Q(acknowledged_at=None, acknowledged_by="")
                | Q(acknowledged_at__isnull=False),
                name="alert_acknowledged_with_a_name",
            ),
        )

    def __str__(self) -> str:
        return f"{self.rule_name}: {self.subject}" if self.subject else self.rule_name

    @property
    def shown_detail(self) -> str:
        """The detail in the active language; of an older alert in the installation's."""
        detail: str = self.details.get(get_language(), self.detail)
        return detail

    @staticmethod
    def firing_count() -> int:
        """How many alerts fire; the bell on every page shows it."""
        counted = rows(
            "/* monitoring.alerts.firing */ SELECT count(*) FROM monitoring_alert WHERE state = %s",
            [Alert.State.FIRING.value],
        )
        return int(counted[0][0])


class AlertMessage(models.Model):
    """One message to one channel, committed with the state that it reports
    (`monitoring/alerts/delivery/outbox.py`)."""

    class Kind(models.TextChoices):
        FIRING = "firing", _("firing")
        REMINDER = "reminder", _("still firing")
        RESOLVED = "resolved", _("resolved")
        TEST = "test", _("test")

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        SENDING = "sending", _("being sent")
        DELIVERED = "delivered", _("delivered")
        UNDELIVERED = "undelivered", _("not delivered")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    channel = models.ForeignKey(AlertChannel, models.SET_NULL, null=True, related_name="messages")
    channel_name = models.CharField(max_length=60)
    kind = models.CharField(max_length=10, choices=Kind)
    severity = models.CharField(max_length=10, choices=Severity)
    title = models.CharField(max_length=250)
    text = models.TextField()
    content = models.JSONField(default=dict, help_text="The same for machines.")
    alerts = models.ManyToManyField(Alert, related_name="messages")
    state = models.CharField(max_length=12, choices=State, default=State.WAITING)
    created_at = models.DateTimeField()
    due_at = models.DateTimeField()
    claimed_until = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    may_repeat = models.BooleanField(
        default=False, help_text="An earlier attempt may have been accepted."
    )
    response = models.CharField(max_length=500, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = (
            models.Index(
                F("channel"),
                F("created_at"),
                name="alert_message_open",
                condition=Q(state__in=("waiting", "sending")),
            ),
        )
        constraints = (
            models.CheckConstraint(
                condition=(Q(state="sending") & Q(claimed_until__isnull=False))
                | (~Q(state="sending") & Q(claimed_until=None)),
                name="alert_message_claimed_iff_sending",
            ),
            models.CheckConstraint(
                condition=(Q(state="delivered") & Q(delivered_at__isnull=False))
                | (~Q(state="delivered") & Q(delivered_at=None)),
                name="alert_message_delivered_has_instant",
            ),
        )

    def __str__(self) -> str:
        return self.title
