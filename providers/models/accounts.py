"""Accounts of an upstream with their owners, and the logins by which owners prove themselves."""

from datetime import timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from management_proxy.models import Upstream


class Account(models.Model):
    """Who owns an auth file of an upstream. A file without a row, or whose owner is gone, has no
    owner."""

    class Origin(models.TextChoices):
        LOGIN = "login", _("signed in")
        UPLOAD = "upload", _("uploaded")
        GRANT = "grant", _("granted by staff")

    upstream = models.ForeignKey(Upstream, on_delete=models.PROTECT, related_name="accounts")
    name = models.CharField(max_length=300, help_text="File name on the upstream.")
    provider = models.CharField(max_length=60)
    label = models.CharField(max_length=300, blank=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="accounts",
    )
    origin = models.CharField(max_length=10, choices=Origin)
    since = models.DateTimeField(default=timezone.now, help_text="When the owner became it.")

    class Meta:
        ordering = ("provider", "label", "name")
        constraints = (
            models.UniqueConstraint(fields=("upstream", "name"), name="account_once_per_upstream"),
        )

    def __str__(self) -> str:
        return self.label or self.name


class AccountLogin(models.Model):
    """One login that was begun, bound to its state, user and session; see
    `providers/accounts/logins/actions.py`."""

    class Mode(models.TextChoices):
        PASTE = "paste", _("address pasted back")
        BROWSER = "browser", _("browser on the upstream's host")
        DEVICE = "device", _("code confirmed on the provider's page")

    class Status(models.TextChoices):
        WAITING = "waiting", _("waiting for you")
        DELIVERED = "delivered", _("exchanging the code")
        FINISHED = "finished", _("looking for the account")
        CONNECTED = "connected", _("connected")
        UNCLEAR = "unclear", _("connected, owner unclear")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")
        EXPIRED = "expired", _("expired")

    OPEN = (Status.WAITING, Status.DELIVERED, Status.FINISHED)

    upstream = models.ForeignKey(Upstream, on_delete=models.CASCADE, related_name="account_logins")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="account_logins"
    )
    session_digest = models.BinaryField(
        max_length=32, editable=False, help_text="SHA-256 of the key of the session that began it."
    )
    flow = models.CharField(max_length=30)
    mode = models.CharField(max_length=10, choices=Mode)
    state = models.CharField(max_length=128, editable=False)
    url = models.TextField(
        blank=True, editable=False, help_text="The provider's page; emptied at the end."
    )
    user_code = models.CharField(max_length=40, blank=True, editable=False)
    status = models.CharField(max_length=10, choices=Status, default=Status.WAITING)
    detail = models.CharField(
        max_length=300, blank=True, help_text="Why it failed, or what was found."
    )
    trouble = models.CharField(
        max_length=300,
        blank=True,
        help_text="Why the upstream could not be asked at the last look; empty if it could.",
    )
    files_before = models.JSONField(
        default=dict,
        editable=False,
        help_text=(
            "Modification time of each file of the provider before the login could write one."
        ),
    )
    account_name = models.CharField(max_length=300, blank=True)
    started_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    delivered_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    looked_at = models.DateTimeField(null=True, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-pk",)
        constraints = (
            models.UniqueConstraint(
                fields=("upstream", "state"),
                condition=Q(settled_at=None),
                name="one_open_login_per_state",
            ),
            # One code of a kind is exchanged at a time, so that the file which appears is this
            # login's.
            models.UniqueConstraint(
                fields=("upstream", "flow"),
                condition=Q(status__in=("delivered", "finished"), mode="paste"),
                name="one_code_exchanged_at_a_time",
            ),
            models.CheckConstraint(
                condition=Q(status__in=("waiting", "delivered", "finished"), settled_at=None)
                | (
                    Q(status__in=("connected", "unclear", "failed", "cancelled", "expired"))
                    & Q(settled_at__isnull=False)
                ),
                name="login_settled_iff_over",
            ),
        )
        indexes = (
            models.Index(
                fields=("upstream", "flow"), name="login_open", condition=Q(settled_at=None)
            ),
        )

    def __str__(self) -> str:
        return f"#{self.pk} {self.flow} of {self.user}"

    @property
    def is_open(self) -> bool:
        """Whether its outcome is still to come."""
        return self.status in self.OPEN

    @property
    def seconds_left(self) -> float:
        """Until the upstream gives up waiting."""
        return max((self.expires_at - timezone.now()).total_seconds(), 0)

    @property
    def is_stuck(self) -> bool:
        """Whether an exchange takes so long that others need not wait for it any more."""
        return self.delivered_at is not None and timezone.now() - self.delivered_at > timedelta(
            seconds=120
        )


class AccountState(models.Model):
    """How an auth file fared when the upstream's list was last read; without secrets."""

    upstream = models.ForeignKey(Upstream, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=300, help_text="File name on the upstream.")
    provider = models.CharField(max_length=60)
    label = models.CharField(max_length=300, blank=True)
    health = models.CharField(max_length=10)
    is_refused = models.BooleanField(help_text="The provider refuses its login.")
    reason = models.CharField(max_length=300, blank=True)
    since = models.DateTimeField(help_text="When it was first read like this.")
    retry_at = models.DateTimeField(null=True, blank=True)
    plan_until = models.DateTimeField(null=True, blank=True)
    read_at = models.DateTimeField()

    class Meta:
        ordering = ("provider", "label", "name")
        constraints = (
            models.UniqueConstraint(
                fields=("upstream", "name"), name="account_state_once_per_upstream"
            ),
        )

    def __str__(self) -> str:
        return f"{self.label or self.name}: {self.health}"
