"""Mistakes of whole processes: their memory, their CPU, their start and their end."""

import subprocess
import sys
from importlib import import_module
from typing import Any

from tests.gate.mutations.registry import mutation

_held: list[bytes] = []
_SPIN = """
import os
parent = os.getppid()
while os.getppid() == parent: pass
"""


def _serves() -> bool:
    """Whether this is a process that stays: a web worker or a collector."""
    return any("gunicorn" in argument or argument == "--loop" for argument in sys.argv)


@mutation(
    "every process holds half a gigabyte more",
    "baseline.memory_of_stored",
    "ingest.collector_mib",
    "everything.web_mib",
    "soak.web_mib",
    beside=(),
)
def ballast() -> None:
    _held.append(b"x" * (600_000_000 if _serves() else 0))


@mutation(
    "every process has others compute all the time",
    "everything.cpu_percent",
    "soak.cpu_percent",
    may=("everything.*", "soak.*"),
    beside=(),
)
def spinning() -> None:
    # So many that they get most of a machine that others load as well.
    for _ in range(4 if _serves() else 0):
        subprocess.Popen([sys.executable, "-c", _SPIN])


@mutation("a collector leaves a process behind", "leftovers.processes")
def orphan() -> None:
    if "--loop" in sys.argv:
        subprocess.Popen(["sleep", "600"], start_new_session=True)


@mutation(
    "a broken connection to the database is used again and again",
    "database_restart.responds_again_s",
    may=("database_restart.sums_off", "errors.new_classes"),
    beside=(),
)
def broken_connections() -> None:
    if "collect_usage" not in sys.argv:
        wrapper = import_module("django.db.backends.base.base").BaseDatabaseWrapper
        wrapper.close_if_unusable_or_obsolete = lambda _connection: None


@mutation(
    "the first forty responses of a web worker are errors",
    "killed_worker.failed_calls",
    "errors.new_classes",
    beside=(),
)
def cold_worker() -> None:
    from django.http import HttpResponse

    left = iter(range(40))

    def respond(handler: Any, request: Any) -> Any:
        is_cold = "summary" in request.path and next(left, None) is not None
        return HttpResponse(status=500) if is_cold else whole(handler, request)

    handler = import_module("django.core.handlers.base").BaseHandler
    whole = handler.get_response
    handler.get_response = respond


@mutation(
    "a web worker that died is not replaced", "killed_worker.replaced_s", is_early=True, beside=()
)
def worker_not_replaced() -> None:
    def spawn(self: Any) -> None:
        if self.worker_age < self.num_workers:
            spawn_always(self)

    arbiter = import_module("gunicorn.arbiter").Arbiter
    spawn_always = arbiter.spawn_workers
    arbiter.spawn_workers = spawn
