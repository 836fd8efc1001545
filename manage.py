#!/usr/bin/env python
"""Django's command line, with the embedded database running if it is the one in use."""

import os
import sys

from config import memory


def main() -> None:
    """Run a command."""
    memory.settle()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.conf import settings
    from django.core.management import execute_from_command_line

    if settings.EMBEDDED_POSTGRES:
        from config import embedded_postgres

        try:
            embedded_postgres.ensure_running(settings.VAR_DIR)
        except embedded_postgres.EmbeddedPostgresError as error:
            sys.exit(f"Tollgate: {error}")
        embedded_postgres.stop_if_unused_at_exit(settings.VAR_DIR)
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
