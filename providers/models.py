"""Who and what usage belongs to: client keys with their owners, and the credentials of the upstream."""

from django.conf import settings
from django.db import models

from management_proxy.models import Upstream


class ClientKey(models.Model):
    """A key that clients present to the upstream, known by a keyed hash and its last four characters only."""

    upstream = models.ForeignKey(Upstream, on_delete=models.PROTECT, related_name="client_keys")
    digest = models.BinaryField(max_length=32, editable=False)
    last_four = models.CharField(max_length=4, blank=True, editable=False)
    name = models.CharField(max_length=100, blank=True)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="client_keys")
    first_seen_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("name", "last_four", "pk")
        constraints = (models.UniqueConstraint(fields=("upstream", "digest"), name="client_key_once_per_upstream"),)

    def __str__(self) -> str:
        return self.display_name

    @property
    def display_name(self) -> str:
        """The given name, else the masked key."""
        return self.name or f"…{self.last_four}"


class Credential(models.Model):
    """An account or provider key that the upstream used, known by its auth index; label is an e-mail address or a masked key."""

    upstream = models.ForeignKey(Upstream, on_delete=models.PROTECT, related_name="credentials")
    auth_index = models.CharField(max_length=64, blank=True)
    label = models.CharField(max_length=200, blank=True)
    provider = models.CharField(max_length=100, blank=True)
    auth_type = models.CharField(max_length=20, blank=True)
    first_seen_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("label", "pk")
        constraints = (models.UniqueConstraint(fields=("upstream", "auth_index", "label"), name="credential_once_per_upstream"),)

    def __str__(self) -> str:
        return self.label or self.auth_index or "no credential"
