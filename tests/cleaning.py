"""Empties the database after a test that committed.

Django truncates every table for this, which makes each of their files and indexes anew: a third of
a second a test. Few tests fill more than a handful of tables, and few rows are deleted at once.
"""

from django.db import connections, transaction
from django.test import TransactionTestCase

from monitoring.alerts import default_rules

# What `migrate` stores and no test changes; making them anew costs as much as many a test.
KEPT = {"django_content_type", "auth_permission"}


def empty_databases(test: TransactionTestCase) -> None:
    """Takes the place of Django's flush at the end of `test`: the same rows are gone afterwards,
    and those that `migrate` stores are there."""
    for alias in _own_databases(test):
        # The test may have lost its connection; Django opens a new one for the next anyway.
        connections[alias].close()
        with transaction.atomic(using=alias):
            for table in _filled(alias):
                _delete_all(alias, table)
        default_rules.store_missing(using=alias)


def _own_databases(test: TransactionTestCase) -> list[str]:
    """Without those that only show another one's rows."""
    names = list(connections) if test.databases == "__all__" else list(test.databases)
    return [name for name in names if not connections[name].settings_dict["TEST"]["MIRROR"]]


def _filled(alias: str) -> list[str]:
    introspection = connections[alias].introspection
    tables = introspection.django_table_names(only_existing=True, include_views=False)
    probes = [f"(SELECT '{table}' FROM \"{table}\" LIMIT 1)" for table in {*tables} - KEPT]
    with connections[alias].cursor() as cursor:
        cursor.execute(" UNION ALL ".join(probes))
        return [table for (table,) in cursor.fetchall()]


def _delete_all(alias: str, table: str) -> None:
    with connections[alias].cursor() as cursor:
        # No foreign key and no trigger of an append-only table is looked at: all goes.
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(f'DELETE FROM "{table}"')
