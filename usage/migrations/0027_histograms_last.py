"""The rollups with their histograms behind all other columns.

A row is read column by column up to the last one that a statement needs. Keys and costs were added
behind the histograms, four lists that make up most of a row, so that every sum walked over them:
a third of the time of history. PostgreSQL cannot move a column, so each table is written anew, in
the order of its key; with millions of events behind it that takes seconds.
"""

from django.db import migrations

ROLLUPS = (
    "usage_usagequarterhourly",
    "usage_usagehourly",
    "usage_usagehourlybykey",
    "usage_usagedaily",
    "usage_usagedailyoverall",
    "usage_usagedailybykey",
    "usage_usagedailybykeyandmodel",
    "usage_usagedailybymodel",
    "usage_usagedailybycredential",
)
KEY = ("bucket", "client_key_id", "credential_id", "series_id")
# Columns of a fixed place first: those that are never NULL, and no list.
COLUMNS = """
SELECT a.attname, format('%%I %%s %%s %%s', a.attname, format_type(a.atttypid, a.atttypmod),
    'DEFAULT ' || pg_get_expr(d.adbin, d.adrelid), CASE WHEN a.attnotnull THEN 'NOT NULL' END)
FROM pg_attribute AS a LEFT JOIN pg_attrdef AS d ON (d.adrelid, d.adnum) = (a.attrelid, a.attnum)
WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attlen = -1, array_position(%s, a.attname::text), NOT a.attnotnull, a.attnum
"""
# The primary key and references, and indexes of neither.
RULES = """
SELECT format('ALTER TABLE %%s ADD CONSTRAINT %%I %%s', conrelid::regclass, conname,
    pg_get_constraintdef(oid))
FROM pg_constraint WHERE conrelid = %(table)s::regclass AND contype IN ('p', 'f')
UNION ALL
SELECT pg_get_indexdef(indexrelid)
FROM pg_index WHERE indrelid = %(table)s::regclass AND NOT indisprimary
"""


def put_histograms_last(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        for table in ROLLUPS:
            _write_anew(cursor, table)


def _write_anew(cursor, table):
    cursor.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
    cursor.execute(COLUMNS, [table, list(KEY)])
    columns = cursor.fetchall()
    names = ", ".join(name for name, _ in columns)
    key = ", ".join(name for name, _ in columns if name in KEY)
    cursor.execute(RULES, {"table": table})
    rules = [rule for (rule,) in cursor.fetchall()]
    cursor.execute(f"CREATE TABLE {table}_anew ({', '.join(column for _, column in columns)})")
    cursor.execute(f"INSERT INTO {table}_anew ({names}) SELECT {names} FROM {table} ORDER BY {key}")
    cursor.execute(f"DROP TABLE {table}")
    cursor.execute(f"ALTER TABLE {table}_anew RENAME TO {table}")
    for rule in rules:
        cursor.execute(rule)
    cursor.execute(f"ANALYZE {table}")


class Migration(migrations.Migration):
    dependencies = [("usage", "0026_skipped_steps")]

    operations = [migrations.RunPython(put_histograms_last, migrations.RunPython.noop)]
