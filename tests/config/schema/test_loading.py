"""A new database from `schema.sql` is the one that the migrations make."""

from collections.abc import Iterator

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection

from config.schema.loading import FILE, load_into_empty_database
from config.schema.writing import applied, dump

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not settings.EMBEDDED_POSTGRES, reason="only an embedded one is made so"),
]
NEW = "made_from_the_file"


@pytest.fixture
def migrated() -> Iterator[str]:
    """The name of the database that the migrations made; the connection leads to an empty one."""
    migrated = connection.settings_dict["NAME"]
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {NEW}")
        cursor.execute(f"CREATE DATABASE {NEW}")
    connection.close()
    connection.settings_dict["NAME"] = NEW
    try:
        yield migrated
    finally:
        connection.close()
        connection.settings_dict["NAME"] = migrated
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {NEW}")


def test_it_is_the_one_that_the_migrations_make(migrated: str):
    assert load_into_empty_database()
    assert applied() == FILE.read_text()[FILE.read_text().index("INSERT INTO") :]
    # Those that are newer than the file; and a second time nothing is done.
    call_command("migrate", verbosity=0, interactive=False)
    assert not load_into_empty_database()
    assert dump(settings.VAR_DIR, NEW) == dump(settings.VAR_DIR, migrated)
