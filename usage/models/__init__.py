"""Usage as it is stored: events, the combinations of dimensions they share, their rollups, runs and
dead letters."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from management_proxy.models import Upstream
from providers.models import ClientKey, Credential
from usage.models.failures import FailureClass

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
        FULL = "full", "all dimensions"
        MODEL = "model", "upstream and model"
        ACCOUNT = "account", "upstream, provider and auth type"
        OVERALL = "overall", "upstream and failure class"
        UPSTREAM = "upstream", "upstream"

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


class UsageEvent(Measured):
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


class Rollup(Measured):
    """Sums over the events of one series, and of one client key or credential where it has such a
    column, in one bucket.

    They are added in the transaction that stores the events. Client key or credential 0 stands for
    none, as no part of a primary key can be NULL.
    """

    series = models.ForeignKey(
        UsageSeries, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    attempts = models.BigIntegerField()
    requests = models.BigIntegerField()
    failed = models.BigIntegerField(help_text="Attempts that failed.")
    generated_tokens = models.BigIntegerField(help_text="Output of the attempts that succeeded.")
    generation_ms = models.BigIntegerField(help_text="Latency of the attempts that succeeded.")
    latency_count = models.BigIntegerField(
        help_text="Attempts with a latency above 0; the sum and the histogram cover these."
    )
    latency_sum_ms = models.BigIntegerField()
    latency_max_ms = models.BigIntegerField()
    latency_bins = ArrayField(
        models.SmallIntegerField(),
        help_text="Bins of usage/rollups/histograms.py that are not empty, ascending.",
    )
    latency_counts = ArrayField(models.IntegerField())
    ttft_count = models.BigIntegerField()
    ttft_sum_ms = models.BigIntegerField()
    ttft_max_ms = models.BigIntegerField()
    ttft_bins = ArrayField(models.SmallIntegerField())
    ttft_counts = ArrayField(models.IntegerField())

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.bucket}"  # type: ignore[attr-defined]


class OfSeries(Rollup):
    """A rollup by series alone."""

    pk = models.CompositePrimaryKey("bucket", "series_id")

    class Meta:
        abstract = True


class OfKey(Rollup):
    """A rollup by client key and series."""

    pk = models.CompositePrimaryKey("bucket", "client_key_id", "series_id")
    client_key = models.ForeignKey(
        ClientKey, on_delete=models.PROTECT, db_constraint=False, related_name="+", db_index=False
    )

    class Meta:
        abstract = True


class OfCredential(Rollup):
    """A rollup by credential and series."""

    pk = models.CompositePrimaryKey("bucket", "credential_id", "series_id")
    credential = models.ForeignKey(
        Credential, on_delete=models.PROTECT, db_constraint=False, related_name="+", db_index=False
    )

    class Meta:
        abstract = True


class UsageQuarterHourly(OfSeries):
    """Failure class by quarter of an hour, the largest time that every zone's hours and days are
    made of."""

    bucket = models.DateTimeField()

    class Meta:
        verbose_name_plural = "quarter-hourly usage overall"


class UsageHourly(OfSeries):
    """All dimensions but client key and credential by UTC hour."""

    bucket = models.DateTimeField()

    class Meta:
        verbose_name_plural = "hourly usage"


class UsageHourlyByKey(OfKey):
    """Client key by UTC hour."""

    bucket = models.DateTimeField()

    class Meta:
        verbose_name_plural = "hourly usage by client key"


class UsageDaily(Rollup):
    """All dimensions by day, days being those of the zone of `RollupCalendar`, here and below."""

    pk = models.CompositePrimaryKey("bucket", "client_key_id", "credential_id", "series_id")
    bucket = models.DateField()
    client_key = models.ForeignKey(
        ClientKey, on_delete=models.PROTECT, db_constraint=False, related_name="+", db_index=False
    )
    credential = models.ForeignKey(
        Credential, on_delete=models.PROTECT, db_constraint=False, related_name="+", db_index=False
    )

    class Meta:
        verbose_name_plural = "daily usage"


class UsageDailyOverall(OfSeries):
    """Failure class by day."""

    bucket = models.DateField()

    class Meta:
        verbose_name_plural = "daily usage overall"


class UsageDailyByKey(OfKey):
    """Client key by day."""

    bucket = models.DateField()

    class Meta:
        verbose_name_plural = "daily usage by client key"


class UsageDailyByKeyAndModel(OfKey):
    """Client key and model by day."""

    bucket = models.DateField()

    class Meta:
        verbose_name_plural = "daily usage by client key and model"


class UsageDailyByModel(OfSeries):
    """Model by day."""

    bucket = models.DateField()

    class Meta:
        verbose_name_plural = "daily usage by model"


class UsageDailyByCredential(OfCredential):
    """Credential, provider and auth type by day."""

    bucket = models.DateField()

    class Meta:
        verbose_name_plural = "daily usage by credential"


class RollupCalendar(models.Model):
    """The one row that says in which IANA zone the daily rollup counts its days."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    zone = models.CharField(max_length=64)

    class Meta:
        constraints = (models.CheckConstraint(condition=Q(id=1), name="one_rollup_calendar"),)

    def __str__(self) -> str:
        return self.zone


class CollectorRun(models.Model):
    """One pass of the collector over one upstream's queue; or many looks in a row that found it
    empty (`usage/collector/watch.py`)."""

    class Trigger(models.TextChoices):
        LOOP = "loop", "loop"
        COMMAND = "command", "command"
        HTTP = "http", "HTTP"
        PUSH = "push", "push"

    class Status(models.TextChoices):
        RUNNING = "running", "running"
        SUCCEEDED = "succeeded", "succeeded"
        FAILED = "failed", "failed"
        LEASE_LOST = "lease_lost", "lease lost"
        ABANDONED = "abandoned", "abandoned"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    upstream = models.ForeignKey(Upstream, on_delete=models.CASCADE, related_name="runs")
    trigger = models.CharField(max_length=10, choices=Trigger)
    holder = models.CharField(max_length=200)
    token = models.BigIntegerField(help_text="Fencing token of the lease under which it ran.")
    status = models.CharField(max_length=12, choices=Status, default=Status.RUNNING)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    duration_ms = models.BigIntegerField(null=True, blank=True)
    lock_wait_ms = models.BigIntegerField(default=0)
    popped = models.BigIntegerField(default=0)
    stored = models.BigIntegerField(default=0)
    duplicates = models.BigIntegerField(default=0)
    dead_lettered = models.BigIntegerField(default=0)
    pages = models.IntegerField(default=0)
    looks = models.IntegerField(
        default=1,
        db_default=1,
        help_text=(
            "More than one: so many found nothing, from the start of the first to the end of the"
            " last."
        ),
    )
    failure_class = models.CharField(max_length=20, choices=FailureClass, blank=True)
    error = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ("-started_at",)
        indexes = (
            models.Index(fields=("upstream", "-started_at"), name="run_newest_per_upstream"),
        )
        constraints = (
            models.CheckConstraint(
                condition=Q(status="running", ended_at=None)
                | (~Q(status="running") & Q(ended_at__gte=F("started_at"))),
                name="run_ended_iff_not_running",
            ),
            models.UniqueConstraint(
                fields=("upstream",),
                condition=Q(status="running"),
                name="one_running_run_per_upstream",
            ),
        )

    def __str__(self) -> str:
        return str(self.id)


class DeadLetter(models.Model):
    """An element of a popped page that could not be stored, kept encrypted so that it can be
    replayed after a fix."""

    class Reason(models.TextChoices):
        INVALID_PAGE = "invalid_page", "page is no JSON array"
        NOT_AN_OBJECT = "not_an_object", "element is no object"
        INVALID_FIELD = "invalid_field", "field of a wrong type"
        MISSING_FIELD = "missing_field", "required field missing"
        IMPOSSIBLE_DATE = "impossible_date", "impossible timestamp"
        NOT_STORABLE = "not_storable", "refused by the database"

    class State(models.TextChoices):
        PENDING = "pending", "pending"
        REPLAYED = "replayed", "replayed"
        DISCARDED = "discarded", "discarded"

    upstream = models.ForeignKey(Upstream, on_delete=models.PROTECT, related_name="dead_letters")
    batch = models.CharField(max_length=80, help_text="Name of the spool file it came in.")
    position = models.IntegerField(help_text="Its place in that page, from 0.")
    reason = models.CharField(max_length=20, choices=Reason)
    detail = models.CharField(max_length=300)
    payload_encrypted = models.BinaryField(editable=False)
    payload_bytes = models.BigIntegerField()
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    created_at = models.DateTimeField(auto_now_add=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolution = models.CharField(
        max_length=300, blank=True, help_text="Who replayed or discarded it, and why."
    )

    class Meta:
        ordering = ("-pk",)
        constraints = (
            # The same spool file ingested twice leaves one row.
            models.UniqueConstraint(
                fields=("upstream", "batch", "position"), name="dead_letter_once_per_element"
            ),
        )

    def __str__(self) -> str:
        return f"{self.get_reason_display()} ({self.batch} #{self.position})"


# Django looks for models here.
from usage.models.completeness import CompletenessInterval, CounterSample  # noqa: E402, F401
