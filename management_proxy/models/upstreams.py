"""The upstreams that Tollgate serves, and what was last learnt of each."""

import re
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from monitoring.encryption import decrypt, encrypt


def validate_management_url(url: str) -> None:
    """An http or https address with a host, also one without a dot as containers have, and nothing
    but a path behind it."""
    try:
        parts = urlsplit(url)
        fits = (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and (parts.port is None or parts.port > 0)
        )
    except ValueError:
        fits = False
    if not fits or parts.username or parts.query or parts.fragment:
        raise ValidationError(
            "Expected an address like http://cliproxyapi:8317/v0/management, without user, query or"
            " fragment."
        )


def validate_public_url(url: str) -> None:
    """An http or https address of plain characters with a host, and nothing but a path behind it:
    it is copied into shells and files."""
    plain = re.fullmatch(r"https?://[A-Za-z0-9._~:/\[\]-]+", url)
    try:
        parts = urlsplit(url)
        fits = plain and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        fits = False
    if not fits:
        raise ValidationError(
            "Expected an address like https://llm.example.com, without user, query or fragment."
        )
    if parts.path.rstrip("/").endswith(("/v1", "/v1beta", "/v0/management")):
        raise ValidationError("Leave out /v1 and what follows: each client gets its own path.")


class Access(models.TextChoices):
    """Whether the upstream lets us in; anything but `open` stops every caller in every process."""

    OPEN = "open", pgettext_lazy("access", "open")
    KEY_REJECTED = "key_rejected", _("key rejected")
    BANNED = "banned", _("banned")


class CollectionMode(models.TextChoices):
    """How usage reaches us: we poll the queue, or the upstream pushes to a subscription (contract
    2, 4)."""

    PULL = "pull", _("pull: ask every few seconds")
    PUSH = "push", _("push: subscribe")


class UsageInterface(models.TextChoices):
    """What an upstream offers to collectors (contract 3); `unknown` until it was observed."""

    UNKNOWN = "", _("unknown")
    QUEUE = "queue", _("usage queue")
    RESP_ONLY = "resp", _("queue without an HTTP route (6.10.0 to 6.10.7)")
    AGGREGATES = "aggregates", _("sums only (before 6.10)")
    NONE = "none", _("none")


class PresentUpstreams(models.Manager["Upstream"]):
    """All but the removed ones: what is listed, served, collected from and judged."""

    def get_queryset(self) -> models.QuerySet["Upstream"]:
        return super().get_queryset().filter(removed_at=None)


class Upstream(models.Model):
    """One CLIProxyAPI server. The one from the environment has no stored key; the others' keys are
    encrypted.

    A removed one stays as a row, under another name, to which its history belongs
    (`management_proxy/upstreams/removal.py`).
    """

    name = models.CharField(
        max_length=60,
        unique=True,
        validators=[RegexValidator(r"^[a-z0-9][a-z0-9-]*$", "Use a-z, 0-9 and hyphens.")],
    )
    management_url = models.CharField(
        max_length=500,
        validators=[validate_management_url],
        help_text="For instance http://cliproxyapi:8317/v0/management",
    )
    public_url = models.CharField(
        "public address",
        max_length=500,
        blank=True,
        validators=[validate_public_url],
        help_text=(
            "Where clients reach it, for instance https://llm.example.com; shown under “Connect a"
            " client”."
        ),
    )
    key_encrypted = models.BinaryField(blank=True, default=b"", editable=False)
    from_environment = models.BooleanField(default=False, editable=False)
    is_enabled = models.BooleanField(
        default=True, help_text="Paused upstreams are not collected from."
    )
    is_simulated = models.BooleanField(default=False, editable=False)
    collection_mode = models.CharField(
        max_length=4,
        choices=CollectionMode,
        default=CollectionMode.PULL,
        help_text=(
            "Push shows events within a second and gets along with other subscribers; it needs"
            " CLIProxyAPI 7.0.7 or newer."
        ),
    )
    created_at = models.DateTimeField(auto_now_add=True)

    access = models.CharField(max_length=20, choices=Access, default=Access.OPEN, editable=False)
    access_detail = models.CharField(max_length=300, blank=True, editable=False)
    blocked_until = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="End of a ban."
    )
    key_verified_digest = models.BinaryField(
        max_length=32,
        blank=True,
        default=b"",
        editable=False,
        help_text="Of the key that was accepted last, and the address.",
    )
    key_on_trial_until = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="While one caller tries a new key; on the database's clock.",
    )

    version = models.CharField(max_length=60, blank=True, editable=False)
    statistics_enabled = models.BooleanField(null=True, blank=True, editable=False)
    retention_seconds = models.PositiveIntegerField(null=True, blank=True, editable=False)
    observed_at = models.DateTimeField(null=True, blank=True, editable=False)
    usage_interface = models.CharField(
        max_length=10,
        choices=UsageInterface,
        blank=True,
        default=UsageInterface.UNKNOWN,
        editable=False,
    )
    clock_ahead_least = models.FloatField(
        null=True,
        blank=True,
        editable=False,
        help_text="Seconds by which its clock is ahead of ours, at least.",
    )
    clock_ahead_most = models.FloatField(
        null=True, blank=True, editable=False, help_text="The same, at most."
    )
    examined_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When the doctor last asked it."
    )
    examination_error = models.CharField(max_length=300, blank=True, editable=False)
    removed_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = PresentUpstreams()
    with_removed: "models.Manager[Upstream]" = models.Manager()

    class Meta:
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(
                fields=("from_environment",),
                condition=Q(from_environment=True),
                name="one_upstream_from_environment",
            ),
            models.CheckConstraint(
                condition=Q(from_environment=False) | Q(key_encrypted=b""),
                name="environment_key_never_stored",
            ),
            models.CheckConstraint(
                condition=Q(removed_at=None)
                | Q(key_encrypted=b"", is_enabled=False, from_environment=False),
                name="removed_upstream_is_inert",
            ),
        )
        permissions = (
            ("read_secrets", "Can read secrets through the management proxy"),
            ("delete_all_auth_files", "Can delete all auth files of an upstream at once"),
            ("empty_lists", "Can empty key lists and maps of an upstream"),
            ("delete_by_index", "Can delete entries of an upstream's lists by their place"),
            ("change_plugins", "Can configure plugins of an upstream"),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def clock_ahead_seconds(self) -> float | None:
        """By how much its clock is ahead of ours, half a second or better; 0 if they may agree,
        None if it was not learnt."""
        if self.clock_ahead_least is None or self.clock_ahead_most is None:
            return None
        if self.clock_ahead_least <= 0 <= self.clock_ahead_most:
            return 0.0
        return (self.clock_ahead_least + self.clock_ahead_most) / 2

    @property
    def collect_lease(self) -> str:
        """Name of the lease that a collector of this upstream holds."""
        return f"collect:{self.pk}"

    @property
    def write_lease(self) -> str:
        """Name of the lease under which this upstream is changed."""
        return f"write:{self.pk}"

    @property
    def stored_key(self) -> str:
        """The management key kept for this upstream, decrypted; empty if none is."""
        return decrypt(bytes(self.key_encrypted)).decode() if self.key_encrypted else ""

    def store_key(self, key: str) -> None:
        """Set, without saving, the management key."""
        self.key_encrypted = encrypt(key.encode())
