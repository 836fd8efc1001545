"""What we know of custom providers beside the upstream and their owners: sharing and groups."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from management_proxy.models import Upstream


class ProviderGroup(models.Model):
    """Custom providers that are shown and switched together; one without an owner is everybody's
    and kept by staff."""

    class Colour(models.TextChoices):
        GRAY = "gray", _("gray")
        BLUE = "blue", _("blue")
        TEAL = "teal", _("teal")
        YELLOW = "yellow", _("yellow")
        ORANGE = "orange", _("orange")
        RED = "red", _("red")
        PURPLE = "purple", _("purple")

    upstream = models.ForeignKey(Upstream, on_delete=models.CASCADE, related_name="provider_groups")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="provider_groups",
    )
    name = models.CharField(max_length=50)
    colour = models.CharField(max_length=10, choices=Colour, default=Colour.GRAY)
    position = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ("position", "name")
        constraints = (
            models.UniqueConstraint(
                fields=("upstream", "owner", "name"), nulls_distinct=False, name="group_name_once"
            ),
        )

    def __str__(self) -> str:
        return self.name


class Placement(models.Model):
    """Where a custom provider that is managed here belongs: who sees it, and in which group."""

    provider_key = models.OneToOneField(
        "providers.ProviderKey", on_delete=models.CASCADE, related_name="placement"
    )
    is_shared = models.BooleanField(
        default=False, help_text="Everybody sees that it exists and which models it has."
    )
    group = models.ForeignKey(
        ProviderGroup, null=True, blank=True, on_delete=models.SET_NULL, related_name="placements"
    )

    def __str__(self) -> str:
        return str(self.provider_key)
