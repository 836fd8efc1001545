"""Make the screenshots of the documents from a stack of their own with a simulated upstream:
`python -m tests.screenshots` (`make screenshots`)."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, ViewportSize, sync_playwright

from tests.browser import ARGUMENTS, CHROMIUM
from tests.processes import free_port

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "screenshots"
SIZE = ViewportSize(width=1440, height=1180)
PASSWORD = "only for the screenshots"
PAGES = {"usage": "/usage/?range=30d"}


@contextmanager
def demo_stack(folder: str) -> Iterator[str]:
    """The address of a running stack that has collected the simulator's past."""
    port = free_port()
    environment = {
        **os.environ,
        **dict.fromkeys(("DATABASE_URL", "CLIPROXYAPI_MANAGEMENT_URL", "MANAGEMENT_API_KEY"), ""),
        "VAR_DIR": folder,
        "PORT": str(port),
        "DJANGO_SUPERUSER_PASSWORD": PASSWORD,
    }
    stack = subprocess.Popen(
        [sys.executable, "-m", "config.stack"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        _wait_for(stack, "Collector run ended")
        # A full pipe would stop every process that logs into it.
        reading = threading.Thread(target=deque, args=(stack.stdout, 0), daemon=True)
        reading.start()
        yield f"http://127.0.0.1:{port}"
    finally:
        stack.send_signal(signal.SIGINT)
        stack.wait(timeout=60)


def _wait_for(stack: "subprocess.Popen[str]", wanted: str) -> None:
    seen = []
    for line in stack.stdout or ():
        seen.append(line)
        if wanted in line:
            return
    sys.exit("the stack ended:\n" + "".join(seen))


def sign_in(page: Page) -> None:
    """As the first administrator."""
    page.goto("/login/")
    page.fill("input[name=username]", "admin")
    page.fill("input[name=password]", PASSWORD)
    page.click("button[type=submit]")


def main() -> None:
    """Overwrite every picture."""
    FOLDER.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        demo_stack(folder) as url,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_context(base_url=url, viewport=SIZE, color_scheme="light").new_page()
        sign_in(page)
        for name, path in PAGES.items():
            page.goto(path, wait_until="networkidle")
            page.screenshot(path=FOLDER / f"{name}.png")
        browser.close()


if __name__ == "__main__":
    main()
