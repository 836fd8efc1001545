"""A sum of whole numbers that stays one.

PostgreSQL's own sum of bigint is a numeric, made and cast back for each group and column; with
costs beside the tokens that was a fifth of a query over many groups.
"""

from django.db import migrations

FORWARD = """
CREATE AGGREGATE usage_sum(bigint)
    (SFUNC = int8pl, STYPE = bigint, COMBINEFUNC = int8pl, PARALLEL = SAFE)
"""


class Migration(migrations.Migration):
    dependencies = [("usage", "0018_costs")]

    operations = [migrations.RunSQL(FORWARD, "DROP AGGREGATE usage_sum(bigint)")]
