"""A process that evaluates the rules of its database again and again, and notes after each time
what an operator would see: `python -m tests.usage.alerts.evaluating RECEIVER FILE LOG`."""

import json
import os
import sys
import time
from pathlib import Path

PAUSE_SECONDS = 0.2


def main(receiver: str, file: Path, log: Path) -> None:
    for stream in (sys.stdout, sys.stderr):
        os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND), stream.fileno())
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    from django.conf import settings

    from monitoring.alerts.worker import Evaluator
    from monitoring.models import AlertRule
    from tests.monitoring.alerts.receiver import make_channel

    settings.ALLOWED_HOSTS = ["testserver"]
    make_channel(receiver)
    rule = AlertRule.objects.filter(code="database_unreachable")
    # A minute is the default; the rest of the rule is as it is shipped.
    rule.update(threshold=1.0, calm_seconds=0)
    AlertRule.objects.exclude(pk__in=rule).update(is_enabled=False)
    evaluator = Evaluator()
    while True:
        evaluator.tick()
        _note(file)
        time.sleep(PAUSE_SECONDS)


def _note(file: Path) -> None:
    from django.db import connection
    from django.test import Client

    from monitoring.health import findings
    from monitoring.metrics.registry import exposition

    noted = {
        "findings": [finding.summary for finding in findings()],
        "readyz": Client().get("/readyz").status_code,
        "metrics": exposition().decode(),
    }
    if not connection.is_usable():
        connection.close()
    part = file.with_suffix(".part")
    part.write_text(json.dumps(noted))
    part.rename(file)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
