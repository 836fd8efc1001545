"""Views of usage that users saved, and which of them is whose start page."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

LONGEST_NAME = 80
LONGEST_QUERY = 4000


def keep_shared(collector: Any, field: Any, views: Any, using: str) -> None:
    """When a user is deleted, their shared views stay, owned by no user; the others go."""
    models.CASCADE(collector, field, views.filter(is_shared=False), using)
    models.SET_NULL(collector, field, views.filter(is_shared=True), using)


class SavedView(models.Model):
    """A page of usage with its query: what was chosen of time, filters and the page's own
    choices, as the page's form accepted it."""

    class Page(models.TextChoices):
        USAGE = "usage", _("Usage")
        SPEED = "speed", _("Speed")
        MATRIX = "matrix", _("Matrix")
        COMPARE = "compare", _("Compare")
        EVENTS = "events", _("Events")
        FAILURES = "failures", _("Failures")

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, keep_shared, null=True, related_name="+")
    name = models.CharField(max_length=LONGEST_NAME)
    page = models.CharField(max_length=20, choices=Page)
    query = models.CharField(max_length=LONGEST_QUERY, blank=True)
    is_shared = models.BooleanField(default=False)
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("name", "pk")
        constraints = (
            models.UniqueConstraint(
                fields=("owner", "name"), name="saved_views_of_a_user_differ_in_name"
            ),
            models.CheckConstraint(
                condition=Q(owner__isnull=False) | Q(is_shared=True),
                name="saved_views_of_no_user_are_shared",
            ),
        )

    def __str__(self) -> str:
        return self.name


class StartPage(models.Model):
    """The saved view that a user sees first."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="+"
    )
    view = models.ForeignKey(SavedView, models.CASCADE, related_name="+")

    def __str__(self) -> str:
        return f"{self.user_id} begins with {self.view_id}"
