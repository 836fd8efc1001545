"""Periodic tasks: what Tollgate does by itself now and then, each task in one process of all at a
time.

    never --due--> running (lease held, row says since when) --> succeeded | trouble | failed
    --period passes--> running ...

* `trouble` is what a task finds (it was done), `failed` that it could not be done.
* A task is due when its period has passed since it was last begun; one with an hour, when that hour
  of the day has come.
* After a failure, or when the process that did it died, it is due again within `RETRY`.
* The lease keeps processes apart; the row is written under its fence; only the database's clock
  decides.
* A task must bear being killed at any point and done again.

The collector's loop gives the tasks a thread of their own, so that none of them delays collection,
and those that are prompt another, so that no long one delays them.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import Error as DatabaseError
from django.db import connection
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext

from monitoring.health import Finding, Level
from monitoring.leases import FENCE_SQL, Term, acquire, heartbeat, release
from monitoring.logs import monitoring_kinds as kinds
from monitoring.models import PeriodicTask
from monitoring.tracing.spans import span

logger = logging.getLogger(__name__)

Status = PeriodicTask.Status
RETRY = timedelta(minutes=15)
LEASE_TTL_SECONDS = 60.0
POLL_SECONDS = 15.0

_FENCED = f"""
/* monitoring.periodic._do */
WITH term AS ({FENCE_SQL})
UPDATE monitoring_periodictask AS task SET {{}} FROM term WHERE task.name = %(task)s
"""
_BEGIN = _FENCED.format(
    "status = 'running', begun_at = clock_timestamp(), ended_at = NULL, outcome = ''"
)
_END = _FENCED.format("status = %(status)s, ended_at = clock_timestamp(), outcome = %(outcome)s")


class TroubleFound(Exception):
    """A task was done and found something wrong, which the message states."""


@dataclass(frozen=True)
class Task:
    """One kind of periodic work: `function` does it and returns its outcome as a sentence.

    It may raise TroubleFound, or anything if it fails. `hour` is the hour of the day, in the
    installation's zone, for daily work that is best done at night. `is_wanted` states
    whether there is anything to do. `why` and `fix` are those of the finding when it fails or
    finds trouble. One that `is_prompt` takes seconds and waits for none of the others.
    """

    name: str
    description: str
    function: Callable[[], str]
    period: timedelta
    why: str
    fix: str
    hour: int | None = None
    lease: str = ""
    is_wanted: Callable[[], bool] = lambda: True
    is_prompt: bool = False

    @property
    def lease_name(self) -> str:
        """The lease under which it is done."""
        return self.lease or f"task:{self.name}"


_tasks: dict[str, Task] = {}


def register(task: Task) -> None:
    """Add a task, or replace the one of that name."""
    _tasks[task.name] = task


def tasks() -> list[Task]:
    """All registered tasks."""
    return list(_tasks.values())


def is_due(task: Task, row: PeriodicTask | None, now: datetime) -> bool:
    """Whether a task is to be begun at this instant of the database's clock."""
    if row is None or row.begun_at is None:
        return True
    if row.status in (Status.RUNNING, Status.FAILED):
        return now - row.begun_at >= min(RETRY, task.period)
    if task.hour is None:
        return now - row.begun_at >= task.period
    return row.begun_at < _last_time(task.hour, now)


def _last_time(hour: int, now: datetime) -> datetime:
    local = timezone.localtime(now)
    today = local.replace(hour=hour, minute=0, second=0, microsecond=0)
    return today if today <= local else today - timedelta(days=1)


def run_due(*, prompt: bool | None = None) -> list[str]:
    """Do every task that is due and that no other process is doing; the names of those done. Only
    those that are prompt, or the others, where that is given. Raises django.db.Error."""
    rows = {row.name: row for row in PeriodicTask.objects.annotate(now=Now())}
    now = next((row.now for row in rows.values()), None) or _database_now()
    chosen = [task for task in tasks() if prompt in (None, task.is_prompt)]
    due = [task for task in chosen if is_due(task, rows.get(task.name), now)]
    return [task.name for task in due if _is_wanted(task, rows.get(task.name)) and run(task)]


def _is_wanted(task: Task, row: PeriodicTask | None) -> bool:
    """What went wrong is done again in any case, so that its finding ends."""
    return task.is_wanted() or (row is not None and row.status != Status.SUCCEEDED)


def run(task: Task, *, only_if_due: bool = True) -> bool:
    """Do a task under its lease; False if another process does it, or has just done it."""
    term = acquire(task.lease_name, LEASE_TTL_SECONDS)
    if term is None:
        return False
    try:
        row = PeriodicTask.objects.annotate(now=Now()).filter(name=task.name).first()
        if row is None:
            PeriodicTask.objects.create(name=task.name)
        elif only_if_due and not is_due(task, row, row.now):
            return False
        with heartbeat(term), span(f"task {task.name}"):
            _do(task, term)
        return True
    finally:
        release(term)


def _do(task: Task, term: Term) -> None:
    _write(_BEGIN, task, term)
    try:
        outcome, status = task.function(), Status.SUCCEEDED
        # What is done every few seconds would fill the log.
        level = logging.DEBUG if task.is_prompt else logging.INFO
        kinds.TASK_DONE.log(logger, level, task=task.name, outcome=outcome)
    except DatabaseError:
        raise
    except TroubleFound as trouble:
        outcome, status = str(trouble), Status.TROUBLE
        kinds.TASK_TROUBLE.log(logger, logging.ERROR, task=task.name, outcome=outcome)
    except Exception as error:  # whatever broke, the other tasks continue
        outcome, status = f"{type(error).__name__}: {error}", Status.FAILED
        kinds.TASK_FAILED.log_exception(logger, logging.ERROR, task=task.name)
    _write(_END, task, term, status=status.value, outcome=outcome[:500])


def check_tasks() -> Iterator[Finding]:
    """A finding for every task that failed or found trouble."""
    rows = {
        row.name: row
        for row in PeriodicTask.objects.filter(status__in=(Status.FAILED, Status.TROUBLE))
    }
    for task in tasks():
        if row := rows.get(task.name):
            found = row.status == Status.TROUBLE
            failed = gettext("%(task)s: failed. %(outcome)s") % {
                "task": gettext(task.description),
                "outcome": row.outcome,
            }
            yield Finding(
                Level.ERROR if found else Level.WARNING,
                row.outcome if found else failed,
                gettext(task.why),
                gettext(task.fix),
            )


def _write(sql: str, task: Task, term: Term, **fields: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, {"task": task.name, "name": term.name, "token": term.token, **fields})


def _database_now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
        return now


class PeriodicThread(threading.Thread):
    """Does what is due until `stop` is set; a daemon, since no exit waits for a long task."""

    def __init__(self, stop: threading.Event, *, prompt: bool) -> None:
        super().__init__(name="prompt tasks" if prompt else "periodic tasks", daemon=True)
        self._stop_all = stop
        self._prompt = prompt

    def run(self) -> None:
        while not self._stop_all.wait(POLL_SECONDS):
            try:
                run_due(prompt=self._prompt)
            except DatabaseError as error:
                kinds.TASKS_WAIT.log(logger, logging.WARNING, error=str(error).split("\n")[0])
                connection.close()
        connection.close()
