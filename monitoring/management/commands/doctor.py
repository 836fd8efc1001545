"""`manage.py doctor`: what is wrong, why it matters and how to fix it."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from monitoring.doctor_report import as_data, as_text
from monitoring.health import Level, examine, findings, worst

EXIT_CODES = {Level.OK: 0, Level.NOTICE: 0, Level.WARNING: 1, Level.ERROR: 2}


class Command(BaseCommand):
    """Examine everything; the exit code is 0 if all is well, 1 with warnings, 2 with errors."""

    help = (
        "Examine database, upstreams, collection and spool. Exit code: 0 well, 1 warnings, 2"
        " errors. The report holds no secret."
    )
    requires_system_checks: list[str] = []  # the doctor reports what they would refuse

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the report as JSON")
        parser.add_argument(
            "--known",
            action="store_true",
            help="report what is known already; send no request to an upstream",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["known"]:
            examine()
        found = findings()
        self.stdout.write(json.dumps(as_data(found)) if options["json"] else as_text(found))
        if code := EXIT_CODES[worst(found)]:
            raise SystemExit(code)
