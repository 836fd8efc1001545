"""Who evaluates the rules: one process of all, under the lease `alerts`.

    candidate --lease is free--> evaluator --each tick: renew, evaluate, deliver--> ...
        ^            '--database unreachable: outage watch--'        |
        '------------------ lease lost, or handed on ---------------'

* Every collector process and every web process has such a thread, so that rules are evaluated
  whichever of them is dead: a dead evaluator blocks the next for at most the lease's TTL.
* Collectors come first, since what they see of their host (spool, disk) matters: a web process
  waits longer between attempts, and hands the lease on after `STAND_IN_SECONDS`.
* A collector whose threads all hang still evaluates: this thread waits for none of them.
* Delivery is in threads of its own (`delivery/attempts.py`); no tick waits for a channel.
"""

import logging
import threading
import time

from django.db import Error as DatabaseError
from django.db import connection

from monitoring.alerts.delivery.attempts import deliver_due
from monitoring.alerts.engine import evaluate
from monitoring.alerts.outage import OutageWatch
from monitoring.leases import LeaseLost, Term, acquire, heartbeat, release, renew
from monitoring.logs.monitoring_kinds import ALERTS_NOT_EVALUATED
from monitoring.tracing.spans import span

logger = logging.getLogger(__name__)

LEASE = "alerts"
TTL_SECONDS = 20.0
TICK_SECONDS = 10.0
STAND_IN_SECONDS = 120.0
STAND_IN_WAIT_SECONDS = 15.0


class Evaluator:
    """One process's part in it; `tick` is called again after the seconds that it returns."""

    def __init__(self, *, stands_in: bool = False) -> None:
        self._stands_in = stands_in
        self._term: Term | None = None
        self._held_since = 0.0
        self._outage = OutageWatch()
        self._evaluated_last = False

    def tick(self) -> float:
        """Evaluate and deliver if this process is the one to; the seconds until the next tick."""
        try:
            return self._turn()
        except LeaseLost:
            self._term = None
        except DatabaseError as error:
            self._note_outage(error)
        return TICK_SECONDS

    def rest(self) -> None:
        """Give the lease up, so that another process need not wait for its end."""
        if self._term:
            release(self._term)
            self._term = None

    def _turn(self) -> float:
        if not self._holds():
            self._evaluated_last = False
            return STAND_IN_WAIT_SECONDS if self._stands_in else TICK_SECONDS
        term = self._term
        assert term  # noqa: S101
        self._outage.learn()
        with heartbeat(term), span("evaluation of alerts"):
            evaluate(term)
        self._evaluated_last = True
        deliver_due()
        if self._stands_in and time.monotonic() - self._held_since > STAND_IN_SECONDS:
            self.rest()
            return STAND_IN_WAIT_SECONDS
        return TICK_SECONDS

    def _holds(self) -> bool:
        if self._term and renew(self._term):
            return True
        self._term = acquire(LEASE, TTL_SECONDS)
        self._held_since = time.monotonic()
        return self._term is not None

    def _note_outage(self, error: DatabaseError) -> None:
        connection.close()
        if self._evaluated_last:
            self._outage.note_failure(error)


class AlertThread(threading.Thread):
    """Evaluates until `stop` is set; a daemon, as every tick may be cut off."""

    def __init__(self, stop: threading.Event, *, stands_in: bool = False) -> None:
        super().__init__(name="alerts", daemon=True)
        self._stop_all = stop
        self._evaluator = Evaluator(stands_in=stands_in)
        self._first_wait = STAND_IN_WAIT_SECONDS if stands_in else 1.0

    def run(self) -> None:
        wait = self._first_wait
        while not self._stop_all.wait(wait):
            try:
                wait = self._evaluator.tick()
            except Exception:  # whatever broke, the rules of the next tick still matter
                ALERTS_NOT_EVALUATED.log_exception(logger, logging.ERROR)
                wait = TICK_SECONDS
        self._rest()

    def _rest(self) -> None:
        try:
            self._evaluator.rest()
        except DatabaseError:  # the lease runs out by itself
            pass
        finally:
            connection.close()


_stop = threading.Event()


def start_standing_in() -> None:
    """Take part from this web process."""
    AlertThread(_stop, stands_in=True).start()


def stop_standing_in() -> None:
    """Take part no more."""
    _stop.set()
