"""When users were last here."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q


class Visit(models.Model):
    """The beginning of a user's present visit of the Overview, and of the one before
    (`usage/overview/visits.py`)."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="+"
    )
    began_at = models.DateTimeField(help_text="On the database's clock.")
    previous_at = models.DateTimeField(null=True, help_text="Empty on the first visit.")

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(previous_at=None) | Q(previous_at__lt=F("began_at")),
                name="visits_follow_one_another",
            ),
        )

    def __str__(self) -> str:
        return f"{self.user_id} at {self.began_at:%Y-%m-%d %H:%M}"
