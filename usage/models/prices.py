"""What usage costs: own prices, price versions, editions of the catalogue, and recomputations.

Amounts are nano-dollars (10⁻⁹ US dollar), rates pico-dollars (10⁻¹²) a token: a dollar per million
tokens is a million pico-dollars a token. Both are integers.
"""

from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, RangeOperators
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from providers.models import ClientKey, Credential

# The kinds whose costs add up to what an event costs; output includes the reasoning in rollups.
COST_KINDS = ("input_cost", "cache_read_cost", "cache_write_cost", "output_cost")
RATE_KINDS = ("input", "cache_read", "cache_write", "output", "reasoning")
# With at most so many tokens an event, no product of rate and tokens overflows.
LARGEST_RATE = 9_000_000_000
MOST_TOKENS = 100_000_000


class PriceCatalogue(models.Model):
    """One edition of the catalogue, as the package ships it or as it was fetched; the newest row is
    in force."""

    source = models.CharField(max_length=100)
    digest = models.UUIDField(unique=True, help_text="Half of a SHA-256 over the edition.")
    seen_at = models.DateTimeField(db_default=Now())
    confirmed_at = models.DateTimeField(
        db_default=Now(), help_text="When a fetch last found this edition to be the newest."
    )
    data = models.BinaryField(
        null=True, help_text="Compressed JSON; empty for an edition that the package ships."
    )

    class Meta:
        ordering = ("-pk",)

    def __str__(self) -> str:
        return self.source


class OwnPrice(models.Model):
    """A price, discount or match that the operator set, for some traffic and from a day on.

    In force from the midnight of `holds_from` in the installation's zone, until that of
    `holds_until`. Of each layer the one with the narrowest scope counts.
    """

    class Kind(models.TextChoices):
        MATCH = "match", _("priced like another model")
        HOUR_CACHE = "hour_cache", _("cache writes live for an hour")
        PRICE = "price", _("own price")
        DISCOUNT = "discount", _("discount")
        FLAT = "flat", _("flat rate")

    kind = models.CharField(max_length=12, choices=Kind)
    provider = models.CharField(max_length=100, blank=True)
    model = models.CharField(
        max_length=200, blank=True, help_text="A name, or a pattern in which * is any text."
    )
    credential = models.ForeignKey(
        Credential, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    client_key = models.ForeignKey(
        ClientKey, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="+",
    )
    holds_from = models.DateField()
    holds_until = models.DateField(
        null=True, blank=True, help_text="The first day on which it holds no more."
    )
    input_rate = models.BigIntegerField(null=True, blank=True)
    cache_read_rate = models.BigIntegerField(null=True, blank=True)
    cache_write_rate = models.BigIntegerField(null=True, blank=True)
    output_rate = models.BigIntegerField(null=True, blank=True)
    reasoning_rate = models.BigIntegerField(null=True, blank=True)
    percent = models.DecimalField(
        max_digits=7,
        decimal_places=3,
        null=True,
        blank=True,
        help_text="Off the price; negative for a surcharge.",
    )
    catalogue_model = models.CharField(max_length=250, blank=True, help_text="provider/model")
    note = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    changed_at = models.DateTimeField(db_default=Now())
    scope_digest = models.BigIntegerField(help_text="Of layer and scope.")

    class Meta:
        ordering = ("holds_from", "pk")
        constraints = (
            models.CheckConstraint(
                condition=Q(holds_until__isnull=True) | Q(holds_until__gt=F("holds_from")),
                name="own_price_ends_after_it_begins",
            ),
            models.CheckConstraint(
                condition=(Q(kind="price") & Q(input_rate__isnull=False, output_rate__isnull=False))
                | (Q(kind="discount") & Q(percent__isnull=False))
                | (Q(kind="match") & ~Q(catalogue_model=""))
                | Q(kind__in=("flat", "hour_cache")),
                name="own_price_is_whole",
            ),
            models.CheckConstraint(
                condition=Q(percent__isnull=True) | Q(percent__gte=-1000, percent__lte=100),
                name="own_price_percent",
            ),
            *(
                models.CheckConstraint(
                    condition=Q(**{f"{kind}_rate__isnull": True})
                    | Q(**{f"{kind}_rate__gte": 0, f"{kind}_rate__lte": LARGEST_RATE}),
                    name=f"own_price_{kind}_rate",
                )
                for kind in RATE_KINDS
            ),
            # A range of one number in place of the number: ranges need no extension.
            ExclusionConstraint(
                name="own_prices_do_not_overlap",
                expressions=[
                    (
                        Func(
                            F("scope_digest"),
                            F("scope_digest"),
                            Value("[]"),
                            function="int8range",
                        ),
                        RangeOperators.OVERLAPS,
                    ),
                    (
                        Func(F("holds_from"), F("holds_until"), function="daterange"),
                        RangeOperators.OVERLAPS,
                    ),
                ],
            ),
        )

    def __str__(self) -> str:
        return f"#{self.pk} {self.get_kind_display()}"


class PriceVersion(models.Model):
    """The rates of one kind of traffic, and where they come from; never changed (a trigger), so
    that each event's cost can be proven for ever.

    The rates by the price list and those that are paid; `reasoning` is NULL where it is billed as
    output. A rate of long context is a version of its own, for requests of more input tokens than
    `above_input_tokens`.
    """

    id = models.AutoField(primary_key=True)
    digest = models.UUIDField(
        unique=True, help_text="Half of a SHA-256 over rates, model, tier and own prices."
    )
    source = models.CharField(
        max_length=100, help_text="The edition of the catalogue in which it was first seen."
    )
    first_used_at = models.DateTimeField(db_default=Now())
    catalogue_model = models.CharField(
        max_length=250, help_text="provider/model; empty where only an own price has it."
    )
    service_tier = models.CharField(max_length=40, help_text="The tier that was billed.")
    above_input_tokens = models.BigIntegerField()
    own_prices = ArrayField(models.BigIntegerField(), help_text="Ids of those that took part.")
    list_input = models.BigIntegerField()
    list_cache_read = models.BigIntegerField()
    list_cache_write = models.BigIntegerField()
    list_output = models.BigIntegerField()
    list_reasoning = models.BigIntegerField(null=True)
    list_request = models.BigIntegerField(help_text="Nano-dollars a request with tokens.")
    paid_input = models.BigIntegerField()
    paid_cache_read = models.BigIntegerField()
    paid_cache_write = models.BigIntegerField()
    paid_output = models.BigIntegerField()
    paid_reasoning = models.BigIntegerField(null=True)
    paid_request = models.BigIntegerField(help_text="Nano-dollars a request with tokens.")

    def __str__(self) -> str:
        return f"{self.catalogue_model or 'own price'} v{self.pk}"


class Recomputation(models.Model):
    """One recomputation of the costs of stored events, from its preview to its end.

    It walks UTC days from the newest to the oldest; `reached` is the day down to which it is done.
    """

    class Status(models.TextChoices):
        PREVIEWING = "previewing", _("previewing")
        PREVIEWED = "previewed", _("waiting for approval")
        APPLYING = "applying", _("applying")
        DONE = "done", _("done")
        CANCELLED = "cancelled", _("cancelled")

    status = models.CharField(max_length=12, choices=Status)
    start = models.DateTimeField()
    end = models.DateTimeField(help_text="Excluded.")
    model_names = ArrayField(models.CharField(max_length=200), default=list)
    only_missing = models.BooleanField(
        default=False, help_text="Only events without a cost, as after an upgrade."
    )
    requested_by = models.CharField(max_length=150)
    requested_at = models.DateTimeField(db_default=Now())
    reached = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    events = models.BigIntegerField(default=0, help_text="Events looked at.")
    changed = models.BigIntegerField(default=0, help_text="Events whose cost changes.")
    changes = models.JSONField(
        default=dict, help_text="By day, model and key: cost before, cost after, events."
    )

    class Meta:
        ordering = ("-pk",)
        constraints = (
            models.CheckConstraint(condition=Q(end__gt=F("start")), name="recomputation_has_days"),
        )

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%d} – {self.end:%Y-%m-%d}"
