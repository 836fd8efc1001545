"""Which of the first steps of an installation staff do not want to be shown."""

from django.db import models


class SkippedStep(models.Model):
    """One step that was skipped, for all staff (`usage/overview/first_steps.py`)."""

    name = models.CharField(max_length=20, primary_key=True)

    def __str__(self) -> str:
        return self.name
