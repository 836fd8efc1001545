"""Rollups: sums over the events of a series in a bucket, one table for each granularity."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from providers.models import ClientKey, Credential
from usage.models.events import Costed, Measured, UsageSeries


class Rollup(Measured, Costed):
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
    priced = models.BigIntegerField(
        default=0, db_default=0, help_text="Attempts that have a cost; the others have no price."
    )
    failed_cost = models.BigIntegerField(
        default=0, db_default=0, help_text="Cost of the attempts that failed."
    )
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
        indexes = (
            models.Index(fields=("bucket",), name="usage_daily_failed", condition=Q(failed__gt=0)),
        )


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
