"""`make bench-polling`: how often open pages poll, against their bounds.

Runs a stack of its own with a simulated upstream under traffic, opens every page in a real browser,
counts the requests in front of the server, prints a table, and exits with 1 if a bound is broken.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence

from playwright.sync_api import BrowserContext, sync_playwright

from tests.bench.polling.measure import Measured, measure
from tests.browser import ARGUMENTS, CHROMIUM
from tests.screenshots.camera import sign_in
from tests.screenshots.demonstration import demonstration


def main(arguments: Sequence[str]) -> int:
    """Measure and print; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=300)
    seconds: float = parser.parse_args(arguments).seconds
    with (
        tempfile.TemporaryDirectory() as folder,
        demonstration(folder) as url,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        measured = measure(browser, url, _sign_in, seconds)
        browser.close()
    print(table(measured))
    broken = [line for one in measured for line in one.broken]
    print("\n".join(broken) or "Every bound is kept.")
    return 1 if broken else 0


def _sign_in(context: BrowserContext) -> None:
    page = sign_in(context)
    page.wait_for_load_state()
    page.close()


def table(measured: Sequence[Measured]) -> str:
    """The cases in Markdown."""
    lines = [
        "| page | polls a minute | at most | responses 304 / 200 | bytes of a 304 | of a 200 |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for one in measured:
        sizes = {
            status: [poll.response_bytes for poll in one.polls if poll.status == status]
            for status in (304, 200)
        }
        most = {status: f"{max(found):,}" if found else "–" for status, found in sizes.items()}
        lines.append(
            f"| {one.case.name} | {one.a_minute:.1f} | {one.case.most_a_minute:g}"
            f" | {len(sizes[304])} / {len(sizes[200])} | {most[304]} | {most[200]} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
