"""Pages in a real Chromium: how often each requests something of the server, and what that costs.

Counted in front of the server by `make bench-polling`'s own measurement (tests/bench/polling). The
collectors are stopped meanwhile: whatever is taken off the queue then, a page has triggered.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from statistics import median_low
from typing import Any

from tests.bench.polling.measure import CASES, Measured, measure
from tests.browser import ARGUMENTS, CHROMIUM
from tests.gate.load import Gate, signed_in
from tests.gate.scenarios import exactness
from tests.gate.stack.upstream import RETENTION_SECONDS

# The paths of the pages, by the names of their figures; the busiest of several counts.
PAGES = {
    "monitoring": ("/monitoring/",),
    "usage": ("/usage/",),
    "overview": ("/",),
    "providers": ("/providers/keys/", "/providers/accounts/"),
    "proxy": ("/monitoring/proxy/",),
}


def run(gate: Gate, seconds: float = 60.0) -> None:
    """Each page in a browser of its own, some hidden, and ten tabs of one; all at once."""
    upstream = gate.stack.upstream
    with _without_collectors(gate):
        upstream.control("pops", method="DELETE")
        upstream.control("settings", {"retention": 3600})
        upstream.control("generate", {"events": 20, "spread": 0})
        _judge(gate, _measured(gate, seconds))
        gate.record.figure("pages.taken_off_the_queue", len(upstream.control("pops")))
    exactness.settle(gate)
    upstream.control("settings", {"retention": RETENTION_SECONDS})
    exactness.check(gate, "pages")


@contextmanager
def _without_collectors(gate: Gate) -> Iterator[None]:
    for collector in gate.stack.collectors:
        collector.stop()
    try:
        yield
    finally:
        for collector in gate.stack.collectors:
            collector.start()


def _measured(gate: Gate, seconds: float) -> list[Measured]:
    from playwright.sync_api import sync_playwright

    assert CHROMIUM, "no Chromium was found"
    url = gate.stack.urls[0]
    # Cookies are of a host, whatever the port: they hold for each relay.
    cookies: list[Any] = [
        dict(zip(("name", "value"), pair.split("=", 1), strict=True)) | {"url": url}
        for pair in signed_in(url).split("; ")
    ]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        found = measure(chromium, url, lambda context: context.add_cookies(cookies), seconds, CASES)
        chromium.close()
    return found


def _judge(gate: Gate, measured: Sequence[Measured]) -> None:
    record = gate.record
    single = {one.case.path: one for one in measured if one.case.is_single}
    for name, paths in PAGES.items():
        most = max(single[path].a_minute for path in paths)
        record.figure(f"pages.{name}_per_minute", most)
    hidden = sum(one.a_minute for one in measured if one.case.is_hidden)
    record.figure("pages.hidden_per_minute", hidden)
    many = next(one for one in measured if one.case.tabs > 1)
    usage = single["/usage/"]
    record.figure("pages.ten_tabs_of_one", many.a_minute / max(usage.a_minute, 1))
    sizes = [poll.response_bytes for poll in usage.polls if poll.status]
    # That the collectors are stopped becomes known in between, and changes the page once.
    record.figure("pages.unchanged_bytes", median_low(sizes) if sizes else 0)
    unmarked = sum(one.unmarked for one in measured)
    polls = sum(len(one.polls) for one in measured)
    record.figure("pages.uncounted_share", unmarked / max(unmarked + polls, 1))
