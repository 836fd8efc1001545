import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

# A rate is never changed, whoever writes; TRUNCATE is left to whoever owns the table.
FORWARD = """
CREATE FUNCTION usage_currency_rates_never_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rates are never changed' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER currency_rates_never_change BEFORE UPDATE OR DELETE ON usage_currencyrate
    FOR EACH ROW EXECUTE FUNCTION usage_currency_rates_never_change();
"""
BACKWARD = """
DROP TRIGGER currency_rates_never_change ON usage_currencyrate;
DROP FUNCTION usage_currency_rates_never_change();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("usage", "0021_statements"),
    ]

    operations = [
        migrations.CreateModel(
            name="CurrencyRate",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("currency", models.CharField(max_length=3)),
                ("holds_from", models.DateField()),
                (
                    "rate",
                    models.DecimalField(
                        decimal_places=9, help_text="Units of the currency a dollar.", max_digits=18
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("created_by", models.CharField(max_length=150)),
            ],
            options={
                "ordering": ("currency", "-holds_from", "-pk"),
                "indexes": [
                    models.Index(
                        fields=["currency", "-holds_from", "-id"], name="currency_rate_of_a_day"
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("rate__gt", 0)), name="currency_rate_is_positive"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("currency__regex", "^[A-Z]{3}$"),
                            models.Q(("currency", "USD"), _negated=True),
                        ),
                        name="currency_rate_of_another_currency",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="DisplayCurrency",
            fields=[
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("currency", models.CharField(max_length=3)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("currency__regex", "^[A-Z]{3}$")),
                        name="display_currency_is_a_code",
                    )
                ],
            },
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
