"""A throw-away database on the embedded server, for benchmarks in real processes."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import django

ROOT = Path(__file__).parent.parent.parent


@contextmanager
def arena() -> Iterator[dict[str, str]]:
    """Set Django up on a new database; the environment under which child processes use the same one."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    sys.path.insert(0, str(ROOT))
    from django.conf import settings

    from config import embedded_postgres

    if settings.EMBEDDED_POSTGRES:
        embedded_postgres.ensure_running(settings.VAR_DIR)
    django.setup()
    from django.db import connection
    from django.test.runner import DiscoverRunner

    runner = DiscoverRunner(verbosity=0, interactive=False)
    databases = runner.setup_databases()
    try:
        with tempfile.TemporaryDirectory() as spool:
            yield _environment(connection.settings_dict, spool)
    finally:
        runner.teardown_databases(databases)
        if settings.EMBEDDED_POSTGRES:
            embedded_postgres.stop_if_unused(settings.VAR_DIR)


def _environment(database: dict[str, str], spool: str) -> dict[str, str]:
    host = database["HOST"]
    at = f":{database['PORT']}/{host}/" if host.startswith("/") else f"{host}:{database['PORT']}/"
    secrets = {"SECRET_KEY": "b" * 50, "USAGE_HASH_KEY": "b" * 50, "ENCRYPTION_KEYS": "b" * 50}
    return {**os.environ, **secrets, "DATABASE_URL": f"postgresql://{database['USER']}@{at}{database['NAME']}", "SPOOL_DIR": spool}


def percentile(values: list[float], percent: float) -> float:
    """Nearest rank."""
    return sorted(values)[max(0, -(-len(values) * int(percent) // 100) - 1)]
