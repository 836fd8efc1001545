"""Monthly statements of what users and client keys used."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class Statement(models.Model):
    """What every client key used in a month of the installation's zone, as it was summed at one
    instant; never changed (a trigger).

    A month that is summed again gets another one, and the newest counts.
    `lines` and `versions` are lists as usage/statements/lines.py reads and writes them; costs are
    nano-dollars.
    """

    month = models.DateField(help_text="First day of the month.")
    zone = models.CharField(max_length=64)
    made_at = models.DateTimeField(db_default=Now())
    made_by = models.CharField(max_length=150, help_text="Empty for the first of the month.")
    is_whole = models.BooleanField(help_text="Whether the month was over.")
    lines = models.JSONField(help_text="Sums by client key.")
    versions = models.JSONField(
        null=True, help_text="Price versions used; empty where events were dropped."
    )

    class Meta:
        ordering = ("-month", "-pk")
        constraints = (
            models.CheckConstraint(condition=Q(month__day=1), name="statement_of_a_month"),
        )

    def __str__(self) -> str:
        return f"{self.month:%Y-%m} no. {self.pk}"
