"""The gate's load: callers in threads over kept connections.

Plain sockets (tests/bench/wire.py) instead of a load generator such as Locust: on a machine that
also runs what is measured, a generator that takes a millisecond of CPU a request and patches the
whole process (gevent) would be part of the figures. A caller here costs about 0.1 ms a request.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.bench.wire import Reply, Wire
from tests.gate.record import Record
from tests.gate.stack.prepare import PASSWORD, STAFF
from tests.gate.stack.stack import Stack

# The server closes a kept connection that is idle for two seconds; sending into that end would look
# like a failure.
IDLE_SECONDS = 1.0


@dataclass
class Caller:
    """One client of the stack with a credential; every call is recorded."""

    record: Record
    url: str
    token: str
    fresh: bool = False
    wire: Wire = field(init=False)
    _used_at: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        if self.fresh:
            headers["Cache-Control"] = "no-cache"
        self.wire = Wire(self.url, headers, keeps_body=True)

    def send(self, kind: str, path: str, method: str = "GET", value: Any = None) -> Reply:
        """Send a request; with a value as JSON."""
        body = b"" if value is None else json.dumps(value).encode()
        if time.monotonic() - self._used_at > IDLE_SECONDS:
            self.wire.close()
        reply = self.wire.send(path, method, [body] if body else [], len(body))
        if not reply.status and method == "GET" and self._used_at:
            # As every client does when the kept connection was closed before the request came.
            reply = self.wire.send(path)
        self._used_at = time.monotonic()
        self.record.call(kind, reply.status, reply.seconds, _code_of(reply))
        return reply


def _code_of(reply: Reply) -> str:
    if reply.status < 400:
        return ""
    try:
        return str(json.loads(reply.body)["error"]["code"])
    except (ValueError, KeyError, TypeError):
        return ""


@dataclass
class Off:
    """What was found to be off so far: events missing and expired, and the difference of each sum
    that is not that of the events."""

    missing: int = 0
    pruned: int = 0
    sums: dict[str, tuple[int, int]] = field(default_factory=dict)


@dataclass
class Gate:
    """What a scenario works with."""

    stack: Stack
    record: Record
    # How long it may take until everything that was delivered is stored.
    patience_seconds: float = 60.0
    off: Off = field(default_factory=Off)
    _callers: list[Caller] = field(default_factory=list)

    def caller(self, url: str, token: str, *, fresh: bool = False) -> Caller:
        """A client that is there until `hang_up`."""
        made = Caller(self.record, url, token, fresh)
        self._callers.append(made)
        return made

    def hang_up(self) -> None:
        """Close the connections of all callers."""
        for caller in self._callers:
            caller.wire.close()
        self._callers.clear()

    def staff(self, site: int = 0, *, fresh: bool = False) -> Caller:
        return self.caller(self.stack.urls[site], self.stack.staff, fresh=fresh)

    def session(self, site: int = 0) -> Caller:
        """A browser's session of staff, as far as its requests go."""
        caller = self.staff(site)
        caller.wire.headers = {"Cookie": signed_in(self.stack.urls[site]), "HX-Request": "true"}
        return caller

    def user(self, number: int, site: int = 0) -> Caller:
        return self.caller(self.stack.urls[site], self.stack.users[number]["token"])


def signed_in(url: str) -> str:
    """The cookies of a new session of staff."""
    with httpx.Client(base_url=url, timeout=30) as http:
        form = {"csrfmiddlewaretoken": http.get("/login/").cookies["csrftoken"]}
        http.post("/login/", data={**form, "username": STAFF, "password": PASSWORD})
        return "; ".join(f"{name}={value}" for name, value in http.cookies.items())


def together(count: int, work: Callable[[int], None]) -> None:
    """Do the work in so many threads, numbered from 0; raises the first of their errors."""
    errors: list[BaseException] = []

    def one(number: int) -> None:
        try:
            work(number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=one, args=(number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def paced(seconds: float, pause: float = 0.0) -> Iterator[int]:
    """Count up until the time is over, beginning each number at least `pause` seconds after the one
    before."""
    ends, number = time.monotonic() + seconds, 0
    while (began := time.monotonic()) < ends:
        yield number
        number += 1
        time.sleep(max(0.0, began + pause - time.monotonic()))


def seconds_until(condition: Callable[[], object], most: float) -> float:
    """How long it took until the condition held; past `most`, how long was waited in vain."""
    began = time.monotonic()
    while not condition() and time.monotonic() - began <= most:
        time.sleep(0.1)
    return time.monotonic() - began


def eventually(condition: Callable[[], object], seconds: float) -> float:
    """Wait until the condition holds, and return how long that took; raises TimeoutError."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > seconds:
            raise TimeoutError(f"it did not happen within {seconds:.0f} s")
        time.sleep(0.1)
    return time.monotonic() - began
