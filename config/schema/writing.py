"""`python -m config.schema.writing`, which `make schema` runs: write `schema.sql` anew from a
database that the migrations made."""

import os
import re
import tempfile
from pathlib import Path

HEAD = """-- What the migrations make; written by `make schema`, read by config/schema/loading.py.

"""
# What one dump has and the next has not, or what belongs to the connection that loads it.
_INCIDENTAL = re.compile(r"^(?:--|\\|SET |SELECT pg_catalog\.set_config).*\n", re.MULTILINE)
_BLANK_LINES = re.compile(r"\n{2,}")
# A list of texts is written differently once it was loaded; this is how it is written from then on.
_TEXTS = re.compile(r"\(ARRAY\[((?:'[^']*'::character varying(?:, )?)+)\]\)::text\[\]")
# Names that a migration back and forth changes, and nothing else knows.
_NOT_NULL = re.compile(r" CONSTRAINT \w+ NOT NULL")
# Partitions of events are made by the month.
_PARTITIONS = "usage_event_y*"


def dump(var_dir: Path, database: str) -> str:
    """The schema of a database of an embedded server that runs, as statements."""
    from config.embedded_postgres.connection import SUPERUSER, socket_directory
    from config.embedded_postgres.data_directory import owner
    from config.embedded_postgres.installation import run_program

    text = run_program(
        "pg_dump",
        f"--host={socket_directory(var_dir)}",
        f"--username={SUPERUSER}",
        "--schema-only",
        "--no-owner",
        "--no-privileges",
        f"--exclude-table={_PARTITIONS}",
        database,
        user=owner(var_dir / "postgres"),
    )
    text = _NOT_NULL.sub(" NOT NULL", _INCIDENTAL.sub("", f"{text}\n"))
    text = _TEXTS.sub(_each_cast, text)
    return _BLANK_LINES.sub("\n\n", text).strip() + "\n"


def _each_cast(found: re.Match[str]) -> str:
    return f"ARRAY[{', '.join(f'({one})::text' for one in found[1].split(', '))}]"


def applied() -> str:
    """The statement that records the migrations of the present database as applied."""
    from django.db import connection
    from django.db.migrations.recorder import MigrationRecorder

    rows = sorted(MigrationRecorder(connection).applied_migrations())
    values = ",\n".join(f"    ('{app}', '{name}', now())" for app, name in rows)
    return f"INSERT INTO public.django_migrations (app, name, applied) VALUES\n{values};\n"


def main() -> None:
    """Migrate a database of its own from nothing, and write down what that made."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(VAR_DIR=folder, DATABASE_URL="")
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
        import django
        from django.conf import settings
        from django.core.management import call_command

        from config import embedded_postgres
        from config.schema.loading import FILE

        embedded_postgres.ensure_running(settings.VAR_DIR)
        try:
            django.setup()
            call_command("migrate", verbosity=0, interactive=False)
            schema = dump(settings.VAR_DIR, settings.DATABASES["default"]["NAME"])
            FILE.write_text(HEAD + schema + "\n" + applied())
        finally:
            embedded_postgres.stop_if_unused(settings.VAR_DIR)


if __name__ == "__main__":
    main()
