"""Budgets: how much may be used in a period, exceptions for a day, and the levels that were
reached."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import BooleanField, F, Func, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from management_proxy.models import Upstream
from providers.models import ClientKey

# The level at which a budget is used up.
LIMIT = 100
LONGEST_ROLLING_HOURS = 366 * 24
# Sums and products with a percentage stay far below what a bigint holds.
LARGEST_AMOUNT = 10**16
MOST_LEVELS = 10
_NO_PARTY = Q(client_key=None, user=None, upstream=None, provider="")


def _of_all(array: str, comparison: str) -> Func:
    """Whether every element compares so; true of none."""
    template = f"{comparison} ALL (%(expressions)s)"
    return Func(F(array), template=template, output_field=BooleanField())


class Budget(models.Model):
    """How much of one unit one scope may use in each period. Dollars are stored as nano-dollars."""

    class Scope(models.TextChoices):
        ALL = "all", _("everything")
        KEY = "key", _("client key")
        USER = "user", _("user")
        PROVIDER = "provider", _("provider")
        UPSTREAM = "upstream", _("upstream")

    class Unit(models.TextChoices):
        DOLLARS = "dollars", _("US dollars")
        TOKENS = "tokens", _("tokens")
        REQUESTS = "requests", _("requests")

    class Period(models.TextChoices):
        DAY = "day", _("day")
        WEEK = "week", _("week, from Monday")
        MONTH = "month", _("month")
        ROLLING = "rolling", _("last hours or days")

    name = models.CharField(max_length=80, unique=True)
    scope = models.CharField(max_length=10, choices=Scope)
    client_key = models.ForeignKey(
        ClientKey, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    upstream = models.ForeignKey(
        Upstream, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    provider = models.CharField(max_length=100, blank=True)
    unit = models.CharField(max_length=10, choices=Unit)
    period = models.CharField(max_length=10, choices=Period)
    rolling_hours = models.PositiveIntegerField(null=True, blank=True)
    limit = models.BigIntegerField()
    warn_at = ArrayField(models.SmallIntegerField(), help_text="Percentages of the limit.")
    removes_keys = models.BooleanField(
        default=False, help_text="Withhold the client keys while the limit is reached."
    )
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("name",)
        constraints = (
            models.CheckConstraint(
                condition=(Q(scope="all") & _NO_PARTY)
                | Q(scope="key", client_key__isnull=False, user=None, upstream=None, provider="")
                | Q(scope="user", client_key=None, user__isnull=False, upstream=None, provider="")
                | Q(
                    scope="upstream",
                    client_key=None,
                    user=None,
                    upstream__isnull=False,
                    provider="",
                )
                | (
                    Q(scope="provider", client_key=None, user=None, upstream=None) & ~Q(provider="")
                ),
                name="budget_of_one_scope",
            ),
            models.CheckConstraint(
                condition=Q(
                    period="rolling",
                    rolling_hours__isnull=False,
                    rolling_hours__gte=1,
                    rolling_hours__lte=LONGEST_ROLLING_HOURS,
                )
                | Q(period__in=("day", "week", "month"), rolling_hours=None),
                name="budget_rolling_hours",
            ),
            models.CheckConstraint(
                condition=Q(limit__gt=0, limit__lte=LARGEST_AMOUNT), name="budget_limit"
            ),
            models.CheckConstraint(
                condition=Q(_of_all("warn_at", "1 <=")) & Q(_of_all("warn_at", "99 >=")),
                name="budget_warns_below_the_limit",
            ),
            models.CheckConstraint(
                condition=Q(removes_keys=False) | Q(scope__in=("key", "user")),
                name="budget_removes_own_keys",
            ),
        )

    def __str__(self) -> str:
        return self.name


class BudgetException(models.Model):
    """By how much a budget's limit is raised on one day of the installation's zone, and why."""

    budget = models.ForeignKey(Budget, on_delete=models.CASCADE, related_name="exceptions")
    day = models.DateField()
    extra = models.BigIntegerField()
    reason = models.CharField(max_length=200)
    made_by = models.CharField(max_length=150)
    made_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("-day",)
        constraints = (
            models.UniqueConstraint(fields=("budget", "day"), name="budget_exception_once_a_day"),
            models.CheckConstraint(
                condition=Q(extra__gt=0, extra__lte=LARGEST_AMOUNT), name="budget_exception_raises"
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="budget_exception_has_a_reason"),
        )

    def __str__(self) -> str:
        return f"{self.budget} on {self.day}"


class BudgetLevel(models.Model):
    """A level that a budget has reached in the present period and not left: a percentage of its
    limit, `LIMIT` where that is reached.

    Exists once for a level and period, which makes one alert of it; rolling budgets have no period.
    """

    budget = models.ForeignKey(Budget, on_delete=models.CASCADE, related_name="levels")
    level = models.SmallIntegerField()
    period_start = models.DateTimeField(null=True)
    subject = models.CharField(max_length=200, help_text="What its alert is called.")
    spent = models.BigIntegerField()
    limit = models.BigIntegerField()
    reached_at = models.DateTimeField()

    class Meta:
        ordering = ("pk",)
        constraints = (
            models.UniqueConstraint(
                fields=("budget", "period_start", "level"),
                name="budget_level_once_a_period",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=Q(level__gte=1, level__lte=LIMIT), name="budget_level_is_a_percentage"
            ),
        )

    def __str__(self) -> str:
        return self.subject
