"""Pages in a real browser: how often does each ask the server, and what does that cost?

The collectors are stopped meanwhile: whatever is taken off the queue then, a page has triggered.
Requests are counted as they leave the browser, and once more at the server
(`monitoring_http_polls`): the two must agree.
"""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.browser import ARGUMENTS, CHROMIUM
from tests.gate.load import Gate, signed_in
from tests.gate.scenarios import exactness
from tests.gate.scenarios.observability import metrics
from tests.gate.stack.upstream import RETENTION_SECONDS

PAGES = {
    "monitoring": "/monitoring/",
    "usage": "/usage/",
    "overview": "/",
    "providers": "/providers/accounts/",
    "proxy": "/monitoring/proxy/",
}
TABS = 10
# Before the tabs begin to count: what a page requests as it opens is no polling.
QUIET_SECONDS = 2.0
_HIDDEN = "Object.defineProperty(document, 'visibilityState', {get: () => 'hidden'});"
_POLLS = re.compile(r"^monitoring_http_polls(?:_total)?\{[^}]*\} (\S+)$", re.MULTILINE)


@dataclass
class Tabs:
    """Pages of one browser context, and what they requested since they were counted."""

    context: Any
    pages: list[Any] = field(default_factory=list)
    counted: list[Any] = field(default_factory=list)

    def open(self, address: str) -> None:
        page = self.context.new_page()
        page.goto(address, wait_until="load")
        self.pages.append(page)

    def count(self) -> None:
        self.context.on("request", lambda request: self.counted.append(request))


def run(gate: Gate, seconds: float = 60.0) -> None:
    """Each page in a browser of its own, one hidden, and ten tabs of one; all at once."""
    for collector in gate.stack.collectors:
        collector.stop()
    upstream = gate.stack.upstream
    upstream.control("pops", method="DELETE")
    upstream.control("settings", {"retention": 3600})
    upstream.control("generate", {"events": 20, "spread": 0})
    with browser(gate) as new_tabs:
        visible = {name: new_tabs() for name in PAGES}
        hidden, many = new_tabs(_HIDDEN), new_tabs()
        url = gate.stack.urls[0]
        for name, tabs in visible.items():
            tabs.open(url + PAGES[name])
        for path in PAGES.values():
            hidden.open(url + path)
        for _ in range(TABS):
            many.open(url + PAGES["monitoring"])
        _count(gate, {**visible, "hidden": hidden, "ten_tabs": many}, seconds)
    gate.record.figure("pages.taken_off_the_queue", len(upstream.control("pops")))
    for collector in gate.stack.collectors:
        collector.start()
    exactness.settle(gate)
    upstream.control("settings", {"retention": RETENTION_SECONDS})
    exactness.check(gate, "pages")


@contextmanager
def browser(gate: Gate) -> Iterator[Any]:
    """A function that opens a signed-in browser of its own, with a script that runs first."""
    from playwright.sync_api import sync_playwright

    assert CHROMIUM, "no Chromium was found"
    url = gate.stack.urls[0]
    cookies = [
        dict(zip(("name", "value"), pair.split("=", 1), strict=True)) | {"url": url}
        for pair in signed_in(url).split("; ")
    ]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)

        def new_tabs(script: str = "") -> Tabs:
            context = chromium.new_context()
            context.add_cookies(cookies)  # type: ignore[arg-type]
            if script:
                context.add_init_script(script)
            return Tabs(context)

        yield new_tabs
        chromium.close()


def _count(gate: Gate, groups: dict[str, Tabs], seconds: float) -> None:
    any_page = groups["monitoring"].pages[0]
    any_page.wait_for_timeout(QUIET_SECONDS * 1000)
    for tabs in groups.values():
        tabs.count()
    before, began = _polls(gate), time.monotonic()
    any_page.wait_for_timeout(seconds * 1000)
    minutes = (time.monotonic() - began) / 60
    counted = {name: list(tabs.counted) for name, tabs in groups.items()}
    polls = _polls(gate) - before
    for name, requests in counted.items():
        gate.record.figure(f"pages.{name}_per_minute", len(requests) / minutes)
    sent = sum(map(len, counted.values()))
    gate.record.figure("pages.uncounted_share", abs(polls - sent) / max(sent, 1))
    one = max(len(counted["monitoring"]), 1)
    gate.record.figure("pages.ten_tabs_of_one", len(counted["ten_tabs"]) / one)
    gate.record.figure("pages.unchanged_bytes", _unchanged_bytes(counted["usage"]))


def _unchanged_bytes(requests: list[Any]) -> float:
    """The median size of a response to a page whose data did not change."""
    sizes = []
    for request in requests:
        if request.response():
            size = request.sizes()
            sizes.append(size["responseBodySize"] + size["responseHeadersSize"])
    return float(sorted(sizes)[len(sizes) // 2]) if sizes else 0.0


def _polls(gate: Gate) -> float:
    """Requests that pages sent by themselves, as the first instance counted them."""
    return sum(float(value) for value in _POLLS.findall(metrics(gate)))
