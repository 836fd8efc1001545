"""What the management proxy costs and what it withstands: `make bench-proxy` (about four minutes;
`--short` for one).

Real gunicorn with two workers, a simulated upstream in a process of its own, the load in this one,
all on one machine.
"""

import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from management_proxy.proxy.limits.breaker import WINDOW_SECONDS
from tests.bench.arena import arena, percentile
from tests.bench.report import Row, table, write_section
from tests.bench.wire import Reply, Wire, together
from tests.processes import PROJECT, free_port

SHORT = "--short" in sys.argv
KEY = "bench-management-key"
PROXY = "/api/management/"
MIB = 2**20
LARGE = 200 * MIB
HISTORY = "/api/usage/history?from={day}&to={day}"


@dataclass
class Stage:
    """What is running: the web server, the upstream behind it, and cookies of a member of staff."""

    url: str
    process: psutil.Process
    simulator: psutil.Process
    upstream: str
    cookies: str

    def proxied(self, *, keeps_body: bool = False) -> Wire:
        token = self.cookies.partition("csrftoken=")[2]
        return Wire(
            self.url,
            {"Cookie": self.cookies, "X-CSRFToken": token, "Cache-Control": "no-cache"},
            keeps_body,
        )

    def unmasked(self) -> Wire:
        """What logs pass byte for byte to."""
        wire = self.proxied()
        wire.headers["X-Tollgate-Reveal"] = "secrets"
        return wire

    def direct(self) -> Wire:
        return Wire(self.upstream, {"Authorization": f"Bearer {KEY}"})

    def faults(self, *faults: dict[str, Any]) -> None:
        httpx.delete(f"{self.upstream}/__control/faults").raise_for_status()
        for fault in faults:
            httpx.post(f"{self.upstream}/__control/faults", json=fault).raise_for_status()

    def attempts(self, path: str) -> int:
        """How often the upstream received this, faults included."""
        requests = httpx.get(f"{self.upstream}/__control/state").json()["requests"]
        return sum(count for name, count in requests.items() if f"management/{path} " in name)

    def memory(self) -> dict[int, int]:
        """Resident bytes of each worker."""
        return {child.pid: child.memory_info().rss for child in self.process.children()}

    def cpu_seconds(self) -> dict[str, float]:
        """What each side has spent so far; the database only where it is our own."""
        from django.conf import settings

        from config.embedded_postgres import server_pid

        database = server_pid(settings.VAR_DIR) if settings.EMBEDDED_POSTGRES else None
        sides = {
            "workers": self.process.children(),
            "upstream": [self.simulator],
            "load": [psutil.Process()],
        }
        if database:
            sides["database"] = psutil.Process(database).children()
        return {
            side: sum(sum(process.cpu_times()[:2]) for process in processes)
            for side, processes in sides.items()
        }

    @contextmanager
    def watched_memory(self) -> Iterator[list[int]]:
        """Collects, while the block lasts, by how many bytes the worker that grew most has
        grown."""
        before, growth, over = self.memory(), [0], threading.Event()

        def watch() -> None:
            while not over.wait(0.02):
                growth.append(max(size - before.get(pid, 0) for pid, size in self.memory().items()))

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            yield growth
        finally:
            over.set()
            watcher.join()


@contextmanager
def stage(environment: dict[str, str]) -> Iterator[Stage]:
    from django.core.management import call_command

    from tests.factories import give_key, make_upstream
    from tests.management_proxy.proxied import browser
    from tests.web_server import web_server

    port = free_port()
    command = [
        sys.executable,
        "-m",
        "management_proxy.simulator",
        "--port",
        str(port),
        "--key",
        KEY,
    ]
    simulator = subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=subprocess.PIPE)
    call_command("seed_usage", events=20_000, days=30)
    try:
        assert simulator.stdout
        simulator.stdout.readline()
        upstream = f"http://127.0.0.1:{port}"
        row = make_upstream(name="bench", management_url=f"{upstream}/v0/management")
        give_key(row, KEY)
        row.save()
        with (
            tempfile.TemporaryDirectory() as folder,
            web_server(
                Path(folder), WEB_WORKERS="2", DJANGO_SETTINGS_MODULE="tests.bench.wide_settings"
            ) as server,
            browser(server) as staff,
        ):
            cookies = "; ".join(
                f"{name}={staff.cookies[name]}" for name in ("sessionid", "csrftoken")
            )
            yield Stage(
                server.url,
                psutil.Process(server.process.pid),
                psutil.Process(simulator.pid),
                upstream,
                cookies,
            )
    finally:
        simulator.terminate()
        simulator.wait()


def ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"


def p(replies: list[Reply], percent: float) -> float:
    return percentile([reply.seconds for reply in replies], percent)


def latency(on: Stage) -> list[Row]:
    """Added to one client's calls, turn about so that both see the same machine."""
    rows: list[Row] = []
    for path in ("debug", "config"):
        direct, proxied = on.direct(), on.proxied()
        pairs = [
            (direct.send(f"/v0/management/{path}"), proxied.send(f"{PROXY}@bench/{path}"))
            for _ in range(100 if SHORT else 600)
        ][20:]
        assert {reply.status for pair in pairs for reply in pair} == {200}
        theirs, ours = [a for a, _ in pairs], [b for _, b in pairs]
        added = f"{ms(p(ours, 50) - p(theirs, 50))} / {ms(p(ours, 95) - p(theirs, 95))}"
        rows.append(
            [
                f"added to `GET {path}`, one client, p50 / p95",
                added,
                "4 / 8 ms",
                f"direct {ms(p(theirs, 50))}, through {ms(p(ours, 50))}",
            ]
        )
    return rows


def throughput(on: Stage) -> list[Row]:
    seconds = 5 if SHORT else 20
    together(16, 2, on.proxied, f"{PROXY}@bench/debug")
    before = on.cpu_seconds()
    replies = together(16, seconds, on.proxied, f"{PROXY}@bench/debug")
    spent = ", ".join(
        f"{side} {ms((cpu - before[side]) / len(replies))}"
        for side, cpu in on.cpu_seconds().items()
    )
    passed = [reply for reply in replies if reply.status == 200]
    more = (
        f"p50 {ms(p(passed, 50))}, p95 {ms(p(passed, 95))}; {len(replies) - len(passed)} refused;"
        f" CPU of one: {spent}"
    )
    return [
        [
            "requests/s, 16 clients, `GET debug`",
            f"{len(passed) / seconds:.0f}",
            "350; 561 is 3 times the old dashboard",
            more,
        ]
    ]


def memory(on: Stage) -> list[Row]:
    """The peak, after small calls have warmed both workers."""
    name = "error-bench-00000000.log"
    on.faults({"kind": "huge", "path": f"*{name}", "bytes": LARGE, "count": 1})
    with on.watched_memory() as down_growth:
        down = on.unmasked().send(f"{PROXY}@bench/request-error-logs/{name}")
    assert (down.status, down.size >= LARGE) == (200, True), down
    with sink() as url, on.watched_memory() as up_growth:
        _move_upstream(url)
        up = on.proxied().send(
            f"{PROXY}@bench/auth-files?name=a.json",
            "POST",
            (b"x" * MIB for _ in range(LARGE // MIB)),
            LARGE,
        )
    assert up.status == 200, up
    _move_upstream(f"{on.upstream}/v0/management")
    return [
        [
            "a worker grows, while 200 MiB go down, by",
            f"{max(down_growth) / MIB:.1f} MiB",
            "16 MiB",
            f"{200 / down.seconds:.0f} MiB/s",
        ],
        [
            "a worker grows, while 200 MiB go up (budget lifted), by",
            f"{max(up_growth) / MIB:.1f} MiB",
            "16 MiB",
            f"{200 / up.seconds:.0f} MiB/s",
        ],
    ]


@contextmanager
def sink() -> Iterator[str]:
    """An upstream that takes anything."""
    from tests.management_proxy.scripted import Conversation, scripted_upstream

    def script(call: Conversation) -> None:
        for _ in call.body():
            pass
        call.respond(b'{"status":"ok"}')

    with scripted_upstream(script) as upstream:
        yield upstream.management_url


def _move_upstream(url: str) -> None:
    from management_proxy.models import Upstream

    Upstream.objects.update(management_url=url)


def first_byte(on: Stage) -> list[Row]:
    """From the upstream's sending of the first piece to the caller's having it; the rest comes half
    a second later."""
    from tests.management_proxy.scripted import Conversation, scripted_upstream

    sent: list[float] = []

    def script(call: Conversation) -> None:
        call.send("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 8\r\n\r\n")
        time.sleep(0.02)
        sent.append(time.monotonic())
        call.send("half")
        time.sleep(0.05)
        call.send("rest")

    with scripted_upstream(script) as upstream:
        _move_upstream(upstream.management_url)
        wire = on.unmasked()
        late = [
            wire.send(f"{PROXY}@bench/request-log-by-id/00000000").first_byte_at - sent[-1]
            for _ in range(20 if SHORT else 100)
        ]
    _move_upstream(f"{on.upstream}/v0/management")
    return [
        [
            "first byte passed on after, p50 / p95",
            f"{ms(percentile(late, 50))} / {ms(percentile(late, 95))}",
            "5 ms",
            "",
        ]
    ]


def hanging(on: Stage) -> list[Row]:
    """Fifty calls at once to a route that hangs, while the history is requested again and again."""
    from datetime import UTC, datetime

    history = HISTORY.format(day=datetime.now(UTC).date())
    quiet = together(1, 4 if SHORT else 8, on.proxied, history)
    on.faults({"kind": "hang_before_headers", "path": "*ws-auth", "seconds": 60, "count": None})
    before = on.attempts("ws-auth")
    with ThreadPoolExecutor(50) as callers:
        calls = [
            callers.submit(on.proxied(keeps_body=True).send, f"{PROXY}@bench/ws-auth")
            for _ in range(50)
        ]
        time.sleep(0.5)
        loaded = together(1, 8.5, on.proxied, history)
        ended = [call.result() for call in calls]
    on.faults()
    hung = [reply for reply in ended if reply.status == 504]
    refused = [reply for reply in ended if reply.status == 503]
    assert len(hung) + len(refused) == 50, ended
    assert {reply.status for reply in [*quiet, *loaded]} == {200}
    attempts = on.attempts("ws-auth") - before
    ratio = p(loaded, 95) / p(quiet, 95)
    more = (
        f"quiet {ms(p(quiet, 95))}, loaded {ms(p(loaded, 95))}; {len(hung)} hung, {len(refused)}"
        " refused at once"
    )
    return [
        ["history p95 with 50 hanging calls, of its quiet value", f"{ratio:.2f}", "1.5", more],
        [
            "a hanging call outlives its limit of 10 s by at most",
            ms(max(reply.seconds for reply in hung) - 10),
            "250 ms",
            "",
        ],
        [
            "attempts upstream, of those that the policy allows",
            f"{attempts} of {len(hung)}",
            "equal",
            "no retry after a timeout",
        ],
    ]


def flaky(on: Stage) -> list[Row]:
    """A fifth of the responses 503 and a twentieth reset, for two minutes."""
    seconds = 20 if SHORT else 120
    on.faults(
        {"kind": "status", "status": 503, "path": "*debug", "probability": 0.2, "count": None},
        {"kind": "reset", "path": "*debug", "probability": 0.0625, "count": None},
    )
    together(4, 3, on.proxied, f"{PROXY}@bench/debug")  # spends what was saved of the retry budget
    before = on.attempts("debug")
    replies = together(4, seconds, on.proxied, f"{PROXY}@bench/debug", pause=0.025)
    attempts = on.attempts("debug") - before
    on.faults()
    failed = sum(reply.status != 200 for reply in replies)
    return [
        [
            f"20 % 503 and 5 % resets for {seconds} s: attempts, of the requests",
            f"{attempts / len(replies):.3f}",
            "1.1",
            f"{len(replies)} requests",
        ],
        [
            "calls that failed (25 % would without retries)",
            f"{100 * failed / len(replies):.1f} %",
            "under 25 %",
            "",
        ],
    ]


def breaker(on: Stage) -> list[Row]:
    """Everything fails: how soon calls stop; then all is well: how soon they pass again."""
    from management_proxy.models import UpstreamBreaker

    time.sleep(WINDOW_SECONDS + 1)  # what was before does not count
    on.faults({"kind": "status", "status": 503, "path": "*debug", "count": None})
    wire, before, started = on.proxied(keeps_body=True), on.attempts("debug"), time.monotonic()
    while b"BREAKER_OPEN" not in wire.send(f"{PROXY}@bench/debug").body:
        time.sleep(0.02)
    opened, attempts = time.monotonic() - started, on.attempts("debug") - before
    assert UpstreamBreaker.objects.get().state == "open"
    on.faults()
    started = time.monotonic()
    while wire.send(f"{PROXY}@bench/debug").status != 200:
        time.sleep(0.1)
    closed = time.monotonic() - started
    assert UpstreamBreaker.objects.get().state == "closed"
    return [
        [
            "breaker opens after so many failing attempts; closes again after",
            f"{attempts}; {closed:.1f} s",
            "both",
            f"opened within {opened:.1f} s",
        ]
    ]


PARTS: tuple[Callable[[Stage], list[Row]], ...] = (
    latency,
    throughput,
    memory,
    first_byte,
    flaky,
    breaker,
    hanging,
)


def main() -> None:
    rows: list[Row] = []
    only = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
    with arena() as environment, stage(environment) as on:
        for part in [part for part in PARTS if not only or part.__name__ in only]:
            rows += part(on)
            print(rows[-1], file=sys.stderr)
    body = table(["what", "measured", "at most (at least for rates)", "more"], rows)
    if SHORT or only:
        print(body)
    else:
        write_section("Management proxy", "make bench-proxy", body)
    assert threading.active_count() < 50


if __name__ == "__main__":
    main()
