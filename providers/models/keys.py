"""Client keys, provider keys and credentials: who and what usage belongs to."""

from typing import Any

import msgspec
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from management_proxy.models import Upstream
from monitoring.encryption import decrypt, encrypt
from providers.digests import last_four


def key_name(pk: int, name: str, last_four: str) -> str:
    """What a client key is called: its given name, else its last four characters, else its
    number."""
    return name or (f"…{last_four}" if last_four else f"Key {pk}")


def key_name_sql(table: str) -> str:
    """`key_name` of the rows of a table with this name; NULL where there is none."""
    given, number = f"nullif({table}.name, '')", f"'Key ' || {table}.id"
    return f"coalesce({given}, '…' || nullif({table}.last_four, ''), {number})"


class ClientKey(models.Model):
    """A key that clients present to the upstream, known by a keyed hash and its last four
    characters only."""

    class State(models.TextChoices):
        SEEN = "seen", _("seen")
        REQUESTED = "requested", _("requested")
        ACTIVE = "active", _("active")
        WITHHELD = "withheld", _("withheld")
        REVOKED = "revoked", _("revoked")

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
    note = models.CharField(max_length=500, blank=True)
    first_seen_at = models.DateTimeField(auto_now_add=True)

    state = models.CharField(
        max_length=10,
        choices=State,
        default=State.SEEN,
        help_text="`seen`: not managed here. `withheld`: removed upstream for a while.",
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
        """What it is called; see `key_name`."""
        return key_name(self.pk, self.name, self.last_four)


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
        return credential_name(self.label, self.auth_index)


def credential_name(label: str, auth_index: str) -> str:
    """What a credential is called; a key too short to show any of it, by its index."""
    shown = "" if label == "…" else label
    return shown or auth_index or label or "no credential"


def credential_name_sql(table: str) -> str:
    """`credential_name` of the rows of a table with this name."""
    return (
        f"coalesce(nullif(nullif({table}.label, ''), '…'), nullif({table}.auth_index, ''),"
        f" nullif({table}.label, ''), 'no credential')"
    )


class ProviderKey(models.Model):
    """An entry of a provider key list that is managed here: who owns it, and how it was last
    verified upstream."""

    class State(models.TextChoices):
        REQUESTED = "requested", _("requested")
        ACTIVE = "active", _("active")

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
    note = models.CharField(max_length=500, blank=True)
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
