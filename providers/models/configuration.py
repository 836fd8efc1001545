"""Versions of an upstream's configuration."""

import hashlib

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from management_proxy.models import Upstream
from monitoring.encryption import decrypt, encrypt


def digest_of(text: str) -> str:
    """What identifies a text: its SHA-256 in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


class ConfigurationVersion(models.Model):
    """The upstream's config.yaml as it once was; encrypted, since it holds every key."""

    class Origin(models.TextChoices):
        FOUND = "found", _("found upstream")
        SAVED = "saved", _("saved here")
        ROLLED_BACK = "rolled_back", _("rolled back here")

    upstream = models.ForeignKey(
        Upstream, on_delete=models.CASCADE, related_name="configuration_versions"
    )
    digest = models.CharField(max_length=64, editable=False)
    text_encrypted = models.BinaryField(editable=False)
    size = models.PositiveIntegerField()
    origin = models.CharField(max_length=12, choices=Origin)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    actor_name = models.CharField(max_length=150, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-pk",)

    def __str__(self) -> str:
        return f"#{self.pk} {self.get_origin_display()}"

    @property
    def text(self) -> str:
        """The file, secrets included. Raises UndecryptableError."""
        return decrypt(bytes(self.text_encrypted)).decode()

    def store_text(self, text: str) -> None:
        """Set, without saving, what it holds."""
        self.digest, self.size, self.text_encrypted = (
            digest_of(text),
            len(text.encode()),
            encrypt(text.encode()),
        )
