"""Costs beside the tokens of events and rollups.

All columns are added without touching a row, so that millions of events take no longer than none.
What is stored already has no cost yet; a recomputation that waits for the collector fills it in.
"""

import django.db.models.deletion
from django.db import migrations, models

ROLLUPS = (
    "usagequarterhourly",
    "usagehourly",
    "usagehourlybykey",
    "usagedaily",
    "usagedailyoverall",
    "usagedailybykey",
    "usagedailybykeyandmodel",
    "usagedailybymodel",
    "usagedailybycredential",
)
COSTS = {
    "input_cost": models.BigIntegerField(null=True),
    "cache_read_cost": models.BigIntegerField(null=True),
    "cache_write_cost": models.BigIntegerField(null=True),
    "output_cost": models.BigIntegerField(null=True),
    "list_cost": models.BigIntegerField(null=True, help_text="The same by the price list."),
    "cache_savings": models.BigIntegerField(
        null=True, help_text="What the cached tokens would have cost more as plain input."
    ),
}
OF_ROLLUPS = {
    "priced": models.BigIntegerField(
        default=0, db_default=0, help_text="Attempts that have a cost; the others have no price."
    ),
    "failed_cost": models.BigIntegerField(
        default=0, db_default=0, help_text="Cost of the attempts that failed."
    ),
}
OF_EVENTS = {
    "reasoning_cost": models.BigIntegerField(
        null=True, help_text="Where it is billed apart; `output_cost` is without it then."
    ),
    "price_version": models.ForeignKey(
        to="usage.priceversion",
        null=True,
        on_delete=django.db.models.deletion.PROTECT,
        db_constraint=False,
        db_index=False,
        related_name="+",
    ),
}
FILL = """
INSERT INTO usage_recomputation (
    status, start, "end", model_names, only_missing, requested_by, events, changed, changes
)
SELECT 'applying', date_trunc('day', first, 'UTC'),
    date_trunc('day', clock_timestamp(), 'UTC') + interval '1 day',
    '{}', true, 'upgrade', 0, 0, '{}'
FROM (SELECT min("timestamp") AS first FROM usage_event) AS events WHERE first < clock_timestamp()
"""


class Migration(migrations.Migration):
    dependencies = [("usage", "0017_prices")]

    operations = [
        *(
            migrations.AddField(model, name, field)
            for model in (*ROLLUPS, "usageevent")
            for name, field in COSTS.items()
        ),
        *(
            migrations.AddField(model, name, field)
            for model in ROLLUPS
            for name, field in OF_ROLLUPS.items()
        ),
        *(migrations.AddField("usageevent", name, field) for name, field in OF_EVENTS.items()),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
    ]
