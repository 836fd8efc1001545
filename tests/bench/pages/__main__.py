"""How soon the first page after login can be used, with an empty cache: `make bench-pages`.

The stack of `make run` with its demonstration, and Chromium beside it, on one machine. A page is
interactive when its scripts have run and the main thread has been free since: the end of
DOMContentLoaded, or of the last task over 50 ms that began before the page was loaded. Times are
from the request of the page itself; the login before it, which is slow on purpose since it checks
a password, has a row of its own, and one row has both.
"""

import statistics
import tempfile
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from tests.bench.report import Row, table, write_section
from tests.browser import ARGUMENTS, CHROMIUM
from tests.screenshots.camera import DESK, sign_in
from tests.screenshots.demonstration import demonstration

VISITS = 15
LONG_TASKS = """window.busyUntil = 0;
new PerformanceObserver(list => list.getEntries().forEach(task => {
  window.busyUntil = Math.max(window.busyUntil, task.startTime + task.duration);
})).observe({ type: 'longtask', buffered: true });"""
TIMES = """() => {
  const [{ fetchStart, responseStart, domContentLoadedEventEnd, loadEventEnd }] =
    performance.getEntriesByType('navigation');
  const [paint] = performance.getEntriesByName('first-contentful-paint');
  const interactive = Math.max(domContentLoadedEventEnd, window.busyUntil);
  return {
    'login, until the page is requested': fetchStart,
    'first byte': responseStart - fetchStart,
    'first contentful paint': (paint?.startTime ?? 0) - fetchStart,
    'interactive': interactive - fetchStart,
    'loaded': loadEventEnd - fetchStart,
    'interactive, login included': interactive,
  };
}"""


def visit(browser: Browser, url: str) -> dict[str, float]:
    """Milliseconds of the navigation that begins with the login."""
    context = browser.new_context(base_url=url, viewport=DESK)
    context.add_init_script(LONG_TASKS)
    page = sign_in(context)
    page.wait_for_load_state("load")
    page.wait_for_timeout(500)
    times: dict[str, float] = page.evaluate(TIMES)
    context.close()
    return times


def main() -> None:
    """Measure, and write the section of docs/benchmarks.md."""
    with (
        tempfile.TemporaryDirectory() as folder,
        demonstration(folder) as url,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        visit(browser, url)
        visits = [visit(browser, url) for _ in range(VISITS)]
        browser.close()
    rows: list[Row] = [(name, *_figures([one[name] for one in visits])) for name in visits[0]]
    body = table(["after login, empty cache", "median ms", "slowest ms"], rows)
    write_section("First page in a browser", "make bench-pages", body)


def _figures(times: list[float]) -> tuple[Any, Any]:
    return round(statistics.median(times)), round(max(times))


if __name__ == "__main__":
    main()
