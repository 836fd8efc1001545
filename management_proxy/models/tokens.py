"""The personal tokens with which scripts reach Tollgate's JSON and the management proxy."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from management_proxy.models.upstreams import Upstream


class PersonalToken(models.Model):
    """A user's key for scripts, kept as a hash; a revoked one stays to be looked at
    (`management_proxy/tokens/tokens.py`)."""

    class Scope(models.TextChoices):
        READ = "read", _("read")
        WRITE = "write", _("read and change")
        DESTROY = "destroy", _("everything: also destroy, and see secrets")

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="personal_tokens"
    )
    name = models.CharField(max_length=60)
    scope = models.CharField(max_length=10, choices=Scope)
    any_upstream = models.BooleanField(
        default=True, help_text="Otherwise those listed, and none if none is."
    )
    upstreams = models.ManyToManyField(Upstream, blank=True, related_name="+")
    prefix = models.CharField(max_length=20, help_text="How the token begins, to recognise it by.")
    digest = models.BinaryField(max_length=32, unique=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, help_text="To the minute.")
    last_used_ip = models.CharField(max_length=45, blank=True)

    class Meta:
        ordering = ("-created_at",)
        constraints = (
            # Also what makes a form that is sent twice end in one token.
            models.UniqueConstraint(
                fields=("user", "name"),
                condition=Q(revoked_at=None),
                name="one_live_token_of_a_name",
            ),
            models.CheckConstraint(
                condition=Q(scope__in=("read", "write", "destroy")), name="token_scope_known"
            ),
        )

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @property
    def state(self) -> str:
        """`live`, `expired` or `revoked`."""
        if self.revoked_at:
            return "revoked"
        return "expired" if self.expires_at and self.expires_at <= timezone.now() else "live"

    def may(self, scope: str) -> bool:
        """Whether its scope includes this one."""
        order = list(self.Scope)
        return order.index(self.Scope(self.scope)) >= order.index(self.Scope(scope))

    def reaches(self, upstream: Upstream) -> bool:
        """Whether it may be used for this upstream."""
        return self.any_upstream or self.upstreams.filter(pk=upstream.pk).exists()
