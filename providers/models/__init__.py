"""Who and what usage belongs to, and the changes of the upstream that people asked for."""

from typing import Any

import msgspec
from django.conf import settings
from django.db import models
from django.db.models import Q

from management_proxy.encryption import decrypt, encrypt
from management_proxy.models import Upstream
from providers.digests import last_four
from providers.funnel.changes import Change, change_of
from providers.models.accounts import Account, AccountLogin
from providers.models.configuration import ConfigurationVersion
from providers.models.custom import Placement, ProviderGroup

__all__ = [
    "Account",
    "AccountLogin",
    "ClientKey",
    "ConfigurationVersion",
    "Credential",
    "DriftCheck",
    "Intent",
    "Placement",
    "ProviderGroup",
    "ProviderKey",
]


class ClientKey(models.Model):
    """A key that clients present to the upstream, known by a keyed hash and its last four
    characters only."""

    class State(models.TextChoices):
        SEEN = "seen", "seen"
        REQUESTED = "requested", "requested"
        ACTIVE = "active", "active"
        REVOKED = "revoked", "revoked"

    upstream = models.ForeignKey(Upstream, on_delete=models.PROTECT, related_name="client_keys")
    digest = models.BinaryField(max_length=32, editable=False)
    last_four = models.CharField(max_length=4, blank=True, editable=False)
    name = models.CharField(max_length=100, blank=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="client_keys",
    )
    first_seen_at = models.DateTimeField(auto_now_add=True)

    state = models.CharField(
        max_length=10,
        choices=State,
        default=State.SEEN,
        help_text="`seen` in usage or upstream, and not managed here.",
    )
    expires_at = models.DateTimeField(
        null=True, blank=True, help_text="Removed upstream after this instant."
    )
    monthly_requests = models.PositiveBigIntegerField(
        null=True, blank=True, help_text="Soft limit of a calendar month."
    )
    monthly_tokens = models.PositiveBigIntegerField(
        null=True, blank=True, help_text="Soft limit of a calendar month."
    )
    removes_at_limit = models.BooleanField(
        default=False,
        help_text="Remove it upstream when a limit is reached, instead of warning only.",
    )
    replaces = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="successors"
    )
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("name", "last_four", "pk")
        constraints = (
            models.UniqueConstraint(
                fields=("upstream", "digest"), name="client_key_once_per_upstream"
            ),
            models.CheckConstraint(
                condition=Q(state="revoked", revoked_at__isnull=False)
                | (~Q(state="revoked") & Q(revoked_at=None)),
                name="client_key_revoked_at",
            ),
        )

    def __str__(self) -> str:
        return self.display_name

    @property
    def display_name(self) -> str:
        """The given name, else the masked key."""
        return self.name or f"…{self.last_four}"


class Credential(models.Model):
    """An account or provider key that the upstream used, known by its auth index; label is an
    e-mail address or a masked key."""

    upstream = models.ForeignKey(Upstream, on_delete=models.PROTECT, related_name="credentials")
    auth_index = models.CharField(max_length=64, blank=True)
    label = models.CharField(max_length=200, blank=True)
    provider = models.CharField(max_length=100, blank=True)
    auth_type = models.CharField(max_length=20, blank=True)
    first_seen_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("label", "pk")
        constraints = (
            models.UniqueConstraint(
                fields=("upstream", "auth_index", "label"), name="credential_once_per_upstream"
            ),
        )

    def __str__(self) -> str:
        return self.label or self.auth_index or "no credential"


class ProviderKey(models.Model):
    """An entry of a provider key list that is managed here: who owns it, and how it was last
    verified upstream."""

    class State(models.TextChoices):
        REQUESTED = "requested", "requested"
        ACTIVE = "active", "active"

    upstream = models.ForeignKey(Upstream, on_delete=models.PROTECT, related_name="provider_keys")
    family = models.CharField(max_length=30)
    digest = models.BinaryField(max_length=32, editable=False)
    last_four = models.CharField(max_length=4, blank=True, editable=False)
    base_url = models.CharField(max_length=2048, blank=True, editable=False)
    name = models.CharField(max_length=100, blank=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="provider_keys",
    )
    state = models.CharField(max_length=10, choices=State, default=State.ACTIVE)
    # The whole entry, for telling drift and for putting it back.
    entry_encrypted = models.BinaryField(blank=True, default=b"", editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("family", "pk")
        constraints = (
            models.UniqueConstraint(
                fields=("upstream", "family", "digest"), name="provider_key_once_per_upstream"
            ),
        )

    def __str__(self) -> str:
        return self.name or f"{self.family} …{self.last_four}"

    @property
    def entry(self) -> dict[str, Any] | None:
        """The entry as last verified, decrypted; None if none is kept."""
        return (
            msgspec.json.decode(decrypt(bytes(self.entry_encrypted)))
            if self.entry_encrypted
            else None
        )

    def store_entry(self, entry: dict[str, Any]) -> None:
        """Set, without saving, the entry and what is shown of it."""
        self.entry_encrypted = encrypt(msgspec.json.encode(entry))
        self.base_url = str(entry.get("base-url") or "")[:2048]
        self.last_four = last_four(str(entry.get("api-key") or ""))


class Intent(models.Model):
    """One change of an upstream that somebody asked for, from the request to its outcome; see
    `upstream_writes`."""

    class State(models.TextChoices):
        REQUESTED = "requested", "requested"
        APPLIED = "applied", "applied"
        UNKNOWN = "unknown", "unknown"
        VERIFIED = "verified", "verified"
        FAILED = "failed", "failed"
        COMPENSATED = "compensated", "compensated"

    UNSETTLED = (State.REQUESTED, State.APPLIED, State.UNKNOWN)
    # What the upstream discarded though it kept the rest; told to `confirmed`, not stored.
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
    # The change with its secrets; emptied once nobody can need it any more.
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
        """Whether somebody still has to carry it out."""
        return self.state in (self.State.REQUESTED, self.State.APPLIED)

    @property
    def change(self) -> Change:
        """What it does, decrypted. Raises LookupError once it is forgotten."""
        if not self.change_encrypted:
            raise LookupError("the change is forgotten")
        return change_of(self.kind, decrypt(bytes(self.change_encrypted)))

    def store_change(self, change: Change) -> None:
        """Set, without saving, what it does."""
        self.kind, self.resource, self.subject, self.title = (
            change.kind,
            change.resource.name,
            change.subject,
            change.title[:200],
        )
        self.change_encrypted = encrypt(change.encoded())


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
