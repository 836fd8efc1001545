"""Rates of other currencies, and who wants to see which."""

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

CODE = r"^[A-Z]{3}$"
is_code = RegexValidator(CODE, "Three capital letters, such as EUR.")


class CurrencyRate(models.Model):
    """How many units of a currency a US dollar is from a day on; never changed (a trigger). Of
    several for one day the newest counts."""

    currency = models.CharField(max_length=3)
    holds_from = models.DateField()
    rate = models.DecimalField(
        max_digits=18, decimal_places=9, help_text="Units of the currency a dollar."
    )
    created_at = models.DateTimeField(db_default=Now())
    created_by = models.CharField(max_length=150)

    class Meta:
        ordering = ("currency", "-holds_from", "-pk")
        indexes = (
            models.Index(fields=("currency", "-holds_from", "-id"), name="currency_rate_of_a_day"),
        )
        constraints = (
            models.CheckConstraint(condition=Q(rate__gt=0), name="currency_rate_is_positive"),
            models.CheckConstraint(
                condition=Q(currency__regex=CODE) & ~Q(currency="USD"),
                name="currency_rate_of_another_currency",
            ),
        )

    def __str__(self) -> str:
        return f"{self.rate.normalize():f} {self.currency} a dollar"


class DisplayCurrency(models.Model):
    """The currency that a user wants amounts in, where it is not the installation's."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="+"
    )
    currency = models.CharField(max_length=3)

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(currency__regex=CODE), name="display_currency_is_a_code"
            ),
        )

    def __str__(self) -> str:
        return self.currency
