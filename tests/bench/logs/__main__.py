"""A thousand lines a second, followed in a real browser: `make bench-logs` (five minutes; T=30: so
many seconds instead).

Real gunicorn, a simulated upstream and the writer of its log in this process, Chromium beside them,
all on one machine. Every two seconds the numbers of the lines that the page shows are compared with
those before: a number that is left out, or shown twice, is a line lost or doubled.
"""

import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from management_proxy.simulator import RunningSimulator, running_simulator
from tests.bench.arena import arena
from tests.bench.load import make_staff, signed_in
from tests.bench.report import Row, table, write_section
from tests.browser import ARGUMENTS, CHROMIUM
from tests.web_server import WebServer, web_server

SECONDS = int(sys.argv[1]) if len(sys.argv) > 1 else 300
RATE = 1000
MIB = 2**20
# Lines of the usual length; the number is what is compared.
TEXT = 'bench {number} | 200 | 1.204s | 10.0.0.7 | POST "/v1/chat/completions"'
SHOWN = """() => {
  const rows = [...document.querySelectorAll('.log li')];
  const all = rows.map(row => row.textContent.match(/bench (\\d+)/));
  return all.filter(Boolean).map(found => Number(found[1]));
}"""


@dataclass
class Watch:
    """What was seen of the page so far."""

    last: int = -1
    lost: int = 0
    doubled: int = 0
    most_rows: int = 0
    most_memory: int = 0
    most_at_once: int = 0
    requests: int = 0
    in_flight: set[Any] = field(default_factory=set)

    def begins(self, request: Any) -> None:
        if "/api/management/" in request.url and "/logs?" in request.url:
            self.requests += 1
            self.in_flight.add(request)
            self.most_at_once = max(self.most_at_once, len(self.in_flight))

    def ends(self, request: Any) -> None:
        self.in_flight.discard(request)

    def compare(self, numbers: list[int], memory: int) -> None:
        """The numbers shown must continue those of the last look."""
        self.most_rows = max(self.most_rows, len(numbers))
        self.most_memory = max(self.most_memory, memory)
        self.doubled += len(numbers) - len(set(numbers))
        if numbers:
            expected = set(range(max(numbers[0], 0), numbers[-1] + 1))
            self.lost += len(expected - set(numbers)) + max(numbers[0] - self.last - 1, 0)
            self.last = numbers[-1]


class Writer(threading.Thread):
    """Writes numbered lines into the upstream's log, `RATE` a second."""

    def __init__(self, simulator: RunningSimulator) -> None:
        super().__init__(daemon=True)
        self.log, self.written = simulator.app.state.log, 0

    def run(self) -> None:
        started = time.monotonic()
        while self.written < SECONDS * RATE:
            due = min(int((time.monotonic() - started) * RATE), SECONDS * RATE)
            for number in range(self.written, due):
                request_id = f"{number:08x}"
                self.log.write("info ", "main.go:1", TEXT.format(number=number), request_id)
            self.written = due
            time.sleep(0.02)


@contextmanager
def opened(server: WebServer) -> Iterator[tuple[Any, int]]:
    """The Logs page in a browser, and the process that draws it."""
    from playwright.sync_api import sync_playwright

    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    session = signed_in(server.url).cookies["sessionid"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        context = browser.new_context(base_url=server.url)
        cookie: Any = {"name": "sessionid", "value": session, "url": server.url}
        context.add_cookies([cookie])
        page = context.new_page()
        page.goto("/logs/")
        cdp = browser.new_browser_cdp_session()
        processes = cdp.send("SystemInfo.getProcessInfo")["processInfo"]
        drawn = [one for one in processes if one["type"] == "renderer"]
        yield page, max(drawn, key=lambda one: float(one["cpuTime"]))["id"]
        browser.close()


def followed(page: Any, renderer: int, simulator: RunningSimulator) -> Watch:
    watch, writer = Watch(), Writer(simulator)
    page.on("request", watch.begins)
    page.on("requestfinished", watch.ends)
    page.on("requestfailed", watch.ends)
    writer.start()
    until = time.monotonic() + SECONDS + 60
    while time.monotonic() < until and watch.last < SECONDS * RATE - 1:
        page.wait_for_timeout(2000)
        watch.compare(page.evaluate(SHOWN), psutil.Process(renderer).memory_full_info().uss)
    watch.lost += SECONDS * RATE - 1 - watch.last
    return watch


def rows_of(watch: Watch) -> list[Row]:
    return [
        [f"{RATE} lines/s for {SECONDS} s: lost", watch.lost, "0", f"{SECONDS * RATE} written"],
        ["doubled", watch.doubled, "0", ""],
        [
            "requests at once, each a slot of the proxy",
            watch.most_at_once,
            "1",
            f"{watch.requests} in all",
        ],
        ["rows in the page", watch.most_rows, "5000", ""],
        [
            "memory of the page's process, private",
            f"{watch.most_memory / MIB:.0f} MiB",
            "150 MB",
            "the most of all looks",
        ],
    ]


def main() -> None:
    with (
        arena() as environment,
        tempfile.TemporaryDirectory() as folder,
        running_simulator(clients=2) as simulator,
    ):
        from tests.factories import give_key, make_upstream

        make_staff()
        simulator.app.state.store.force({"logging-to-file": True})
        upstream = make_upstream(management_url=simulator.management_url)
        give_key(upstream, simulator.key)
        upstream.save()
        with (
            web_server(Path(folder), SPOOL_DIR=environment["SPOOL_DIR"]) as server,
            opened(server) as (page, renderer),
        ):
            body = table(
                ["what", "measured", "at most", "more"],
                rows_of(followed(page, renderer, simulator)),
            )
    if SECONDS < 300:
        print(body)
    else:
        write_section("Logs", "make bench-logs", body)


if __name__ == "__main__":
    main()
