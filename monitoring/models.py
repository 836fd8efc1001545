"""Leases: what `monitoring/leases.py` keeps in the database."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class Lease(models.Model):
    """The right to do one named thing for a while; the row is never deleted and its token only grows."""

    name = models.CharField(max_length=120, primary_key=True)
    token = models.BigIntegerField(default=0, help_text="Fencing token: one larger with every new term.")
    holder = models.CharField(max_length=200, blank=True, help_text="host:pid:random of the process that holds it.")
    acquired_at = models.DateTimeField(null=True, blank=True)
    renewed_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True, help_text="On the database's clock; empty when free.")

    class Meta:
        ordering = ("name",)
        constraints = (
            models.CheckConstraint(condition=Q(token__gte=0), name="lease_token_not_negative"),
            # Held means all three are set, free means none is.
            models.CheckConstraint(
                condition=Q(holder="", acquired_at=None, renewed_at=None, expires_at=None)
                | (~Q(holder="") & Q(acquired_at__isnull=False, renewed_at__isnull=False, expires_at__isnull=False)),
                name="lease_held_or_free",
            ),
        )

    def __str__(self) -> str:
        return self.name

    @classmethod
    def with_state(cls) -> models.QuerySet["Lease"]:
        """Leases with `is_held`, judged by the database's clock."""
        return cls.objects.annotate(is_held=models.ExpressionWrapper(Q(expires_at__gt=Now()), output_field=models.BooleanField()))
