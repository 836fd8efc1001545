"""What the management proxy keeps: breakers, the logins that it started, and its traffic."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from management_proxy.models.upstreams import Upstream


class UpstreamBreaker(models.Model):
    """Whether the proxy may call an upstream, as all processes agree
    (`management_proxy/proxy/limits/breaker.py`); no row means that it may."""

    class State(models.TextChoices):
        CLOSED = "closed", _("closed")
        OPEN = "open", _("open")
        HALF_OPEN = "half_open", _("trying")

    upstream = models.OneToOneField(
        Upstream, models.CASCADE, primary_key=True, related_name="breaker"
    )
    state = models.CharField(max_length=10, choices=State, default=State.CLOSED)
    until = models.DateTimeField(help_text="When the next call may try.")
    strikes = models.PositiveSmallIntegerField(
        default=0, help_text="Openings since it was last closed."
    )
    reason = models.CharField(
        max_length=300, blank=True, help_text="The failure that opened it last."
    )
    changed_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(state__in=("closed", "open", "half_open")), name="breaker_state_known"
            ),
        )

    def __str__(self) -> str:
        return f"{self.upstream_id} {self.state}"


class ProxiedLogin(models.Model):
    """An OAuth login started through the proxy, and the session or token that it belongs to
    (`management_proxy/proxy/oauth_binding.py`)."""

    upstream = models.ForeignKey(Upstream, models.CASCADE, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    state = models.BinaryField(
        max_length=32, help_text="SHA-256 of the state that names the login upstream."
    )
    bound_to = models.BinaryField(
        max_length=32, help_text="SHA-256 of the session's key, or of the token's number."
    )
    started_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("upstream", "state"), name="one_login_of_a_state"),
        )
        indexes = (models.Index(fields=("started_at",), name="login_started"),)

    def __str__(self) -> str:
        return f"login of {self.user_id} at {self.upstream_id}"


class ProxyTraffic(models.Model):
    """Calls through the proxy in five minutes, of one upstream, route, method and outcome
    (`management_proxy/traffic/recording.py`)."""

    started_at = models.DateTimeField()
    upstream = models.CharField(max_length=60)
    route = models.CharField(max_length=100)
    method = models.CharField(max_length=10)
    outcome = models.CharField(max_length=20)
    reason = models.CharField(max_length=40)
    calls = models.BigIntegerField()
    attempts = models.BigIntegerField()
    bytes_in = models.BigIntegerField()
    bytes_out = models.BigIntegerField()
    bins = ArrayField(models.SmallIntegerField())
    counts = ArrayField(models.IntegerField())

    class Meta:
        # Begins with the instant: a window is read, and what is old deleted, by it.
        constraints = (
            models.UniqueConstraint(
                fields=("started_at", "upstream", "route", "method", "outcome", "reason"),
                name="one_row_of_traffic",
            ),
        )

    def __str__(self) -> str:
        return f"{self.method} {self.route} {self.outcome}"
