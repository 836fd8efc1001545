"""Client keys that are kept away from the upstream for a while."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from monitoring.encryption import decrypt, encrypt
from providers.models.keys import ClientKey


class WithheldKey(models.Model):
    """A client key that is removed upstream until it is given back; its states are in
    providers/client_keys/withholding.py.

    The key itself is kept, encrypted, exactly while the upstream may lack it because of us.
    """

    class State(models.TextChoices):
        REMOVING = "removing", "being removed"
        WITHHELD = "withheld", "removed upstream"
        RELEASED = "released", "in use all the same"
        REFUSED = "refused", "could not be removed"

    client_key = models.OneToOneField(
        ClientKey, primary_key=True, on_delete=models.PROTECT, related_name="withheld"
    )
    key_encrypted = models.BinaryField(blank=True, default=b"", editable=False)
    state = models.CharField(max_length=10, choices=State, default=State.REMOVING)
    reason = models.CharField(max_length=300)
    causes = ArrayField(
        models.BigIntegerField(), help_text="What wants it removed, as the app that does counts it."
    )
    by_hand = models.BooleanField(
        default=False, help_text="A person disabled it: nothing but a person gives it back."
    )
    error = models.CharField(max_length=500, blank=True, help_text="Why the last attempt failed.")
    tries = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True, blank=True)
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("pk",)
        constraints = (
            models.CheckConstraint(
                condition=(Q(state__in=("removing", "withheld")) & ~Q(key_encrypted=b""))
                | Q(state__in=("released", "refused"), key_encrypted=b""),
                name="withheld_key_is_kept",
            ),
        )

    def __str__(self) -> str:
        return f"{self.client_key} ({self.get_state_display()})"

    @property
    def key(self) -> str:
        """The key, decrypted; raises UndecryptableError."""
        return decrypt(bytes(self.key_encrypted)).decode()

    @staticmethod
    def encrypted(key: str) -> Any:
        """What is stored of a key."""
        return encrypt(key.encode())
