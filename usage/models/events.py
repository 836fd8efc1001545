"""Events as they are stored, the combinations of dimensions they share, and the months whose events
were dropped."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from management_proxy.models import Upstream
from providers.models import ClientKey, Credential
from usage.models.failures import FailureClass
from usage.models.prices import PriceVersion

TOKEN_KINDS = (
    "uncached_input_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "non_reasoning_output_tokens",
    "reasoning_tokens",
    "unclassified_tokens",
)


class UsageSeries(models.Model):
    """One combination of dimensions; events and rollups point to it instead of repeating it.

    Client key and credential stand beside it, in the event or the rollup: traffic spreads over
    both, so that combinations with them would be nearly as many as the events. Narrow rollups point
    to narrow series, in which more dimensions are blank; every full series names the narrow ones
    that it belongs to.
    """

    class Level(models.TextChoices):
        FULL = "full", _("all dimensions")
        MODEL = "model", _("upstream and model")
        ACCOUNT = "account", _("upstream, provider and auth type")
        OVERALL = "overall", _("upstream and failure class")
        UPSTREAM = "upstream", _("upstream")

    level = models.CharField(max_length=14, choices=Level, default=Level.FULL)
    by_model = models.ForeignKey(
        "self", null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    by_account = models.ForeignKey(
        "self", null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    overall = models.ForeignKey(
        "self", null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    by_upstream = models.ForeignKey(
        "self", null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    digest = models.UUIDField(unique=True, help_text="Half of a SHA-256 over all the dimensions.")
    upstream = models.ForeignKey(Upstream, on_delete=models.PROTECT, related_name="+")
    provider = models.CharField(max_length=100)
    model = models.CharField(max_length=200)
    alias = models.CharField(max_length=200)
    endpoint = models.CharField(max_length=200)
    auth_type = models.CharField(max_length=20)
    executor_type = models.CharField(max_length=60)
    service_tier = models.CharField(max_length=40)
    reasoning_effort = models.CharField(max_length=40)
    failure_class = models.CharField(max_length=20, choices=FailureClass, blank=True)
    failed = models.BooleanField()

    class Meta:
        verbose_name_plural = "usage series"
        constraints = (
            models.CheckConstraint(
                condition=~Q(level="full")
                | Q(
                    by_model__isnull=False,
                    by_account__isnull=False,
                    overall__isnull=False,
                    by_upstream__isnull=False,
                ),
                name="full_series_names_its_narrow_ones",
            ),
            models.CheckConstraint(
                condition=Q(failed=False, failure_class="")
                | (Q(failed=True) & ~Q(failure_class="")),
                name="series_class_iff_failed",
            ),
        )

    def __str__(self) -> str:
        return f"{self.model} {self.endpoint}"


class Measured(models.Model):
    """The token counts of an event or the sums of a rollup. NULL means not reported, which is not
    0."""

    total_tokens = models.BigIntegerField(null=True)
    uncached_input_tokens = models.BigIntegerField(null=True)
    cache_read_tokens = models.BigIntegerField(null=True)
    cache_write_tokens = models.BigIntegerField(null=True)
    non_reasoning_output_tokens = models.BigIntegerField(null=True)
    reasoning_tokens = models.BigIntegerField(null=True)
    unclassified_tokens = models.BigIntegerField(null=True)

    class Meta:
        abstract = True


class Costed(models.Model):
    """The cost of an event or the sums of a rollup, in nano-dollars. NULL means that nothing of it
    has a price, which is not 0."""

    input_cost = models.BigIntegerField(null=True)
    cache_read_cost = models.BigIntegerField(null=True)
    cache_write_cost = models.BigIntegerField(null=True)
    output_cost = models.BigIntegerField(null=True)
    list_cost = models.BigIntegerField(null=True, help_text="The same by the price list.")
    cache_savings = models.BigIntegerField(
        null=True, help_text="What the cached tokens would have cost more as plain input."
    )

    class Meta:
        abstract = True


class UsageEvent(Measured, Costed):
    """One attempt at an LLM request, stored once. Range-partitioned by month of `timestamp`
    (migration 0002)."""

    pk = models.CompositePrimaryKey("id", "timestamp")
    id = models.BigIntegerField()
    timestamp = models.DateTimeField(help_text="Start of the attempt.")
    digest = models.UUIDField(
        help_text=(
            "First half of the SHA-256 over upstream and canonical JSON: the identity of the event."
        )
    )
    series = models.ForeignKey(
        UsageSeries, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )
    client_key = models.ForeignKey(
        ClientKey,
        null=True,
        on_delete=models.PROTECT,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    credential = models.ForeignKey(
        Credential,
        null=True,
        on_delete=models.PROTECT,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    request_id = models.CharField(max_length=64)
    is_first_attempt = models.BooleanField(
        help_text="Whether this attempt counts its client request (contract 2.6)."
    )
    latency_ms = models.BigIntegerField()
    ttft_ms = models.BigIntegerField(
        null=True, help_text="Empty when not reported or no byte arrived."
    )
    token_quality = models.CharField(max_length=12)
    reported_input_tokens = models.BigIntegerField(null=True)
    reported_output_tokens = models.BigIntegerField(null=True)
    reported_reasoning_tokens = models.BigIntegerField(null=True)
    reported_cached_tokens = models.BigIntegerField(null=True)
    reported_cache_read_tokens = models.BigIntegerField(null=True)
    reported_cache_creation_tokens = models.BigIntegerField(null=True)
    reported_total_tokens = models.BigIntegerField(null=True)
    fail_status = models.IntegerField(null=True)
    fail_body = models.TextField(null=True, help_text="Secrets masked, cut to 4,000 characters.")
    details = models.JSONField(
        null=True,
        help_text="Client address, user agent, tier of the answer, harmless answer headers.",
    )
    price_version = models.ForeignKey(
        PriceVersion,
        null=True,
        on_delete=models.PROTECT,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    reasoning_cost = models.BigIntegerField(
        null=True, help_text="Where it is billed apart; `output_cost` is without it then."
    )

    class Meta:
        db_table = "usage_event"

    def __str__(self) -> str:
        return f"{self.timestamp:%Y-%m-%d %H:%M:%S} {self.id}"


class PrunedMonth(models.Model):
    """A UTC month whose events were dropped for good; its rollups stay."""

    month = models.DateField(primary_key=True, help_text="First day of the month.")
    events = models.BigIntegerField(
        help_text="How many were dropped, over all prunings of the month."
    )
    pruned_at = models.DateTimeField()

    class Meta:
        ordering = ("-month",)

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}"
