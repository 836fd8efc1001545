"""Give an empty database its schema at once, instead of by every migration that there ever was.

`schema.sql` is a shortcut, not a second truth: it is what the migrations made when it was written
(`make schema`), and names those it stands for. `migrate` then applies the later ones as ever, so a
file that is behind costs time and nothing else. A test compares both ways.

Only an embedded database is made this way: it is of the PostgreSQL that the file was written by.
A database that has any table is left alone.
"""

from pathlib import Path

from django.db import connection, transaction

FILE = Path(__file__).with_name("schema.sql")


def load_into_empty_database() -> bool:
    """Make every table, and record the migrations that are thereby applied; False, and nothing
    done, if there is a table already."""
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.introspection.table_names(cursor):
            return False
        cursor.execute(FILE.read_text())
    return True
