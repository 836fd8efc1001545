"""How soon the stack of `make run` serves in a fresh clone, and has its whole past stored.

A clone has neither database nor compiled Python nor compiled catalogues; the installed packages
are this folder's. Beside the seconds stand those of CPU, which other work on the machine changes
less. The time is over when the Overview shows that the past was collected.
"""

import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psutil

from tests.bench.report import Row, table, write_section
from tests.processes import PROJECT, free_port

STARTS = 3
LONGEST_SECONDS = 180
PASSWORD = "only for the first start"


@contextmanager
def fresh_stack(folder: Path, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    """A stack that starts in a fresh clone."""
    subprocess.run(["git", "clone", "--quiet", PROJECT, folder], check=True)
    (folder / ".venv").symlink_to((PROJECT / ".venv").resolve())
    own = {"PORT": str(port), "DJANGO_SUPERUSER_PASSWORD": PASSWORD}
    unset = dict.fromkeys(("DATABASE_URL", "CLIPROXYAPI_MANAGEMENT_URL", "MANAGEMENT_API_KEY"), "")
    stack = subprocess.Popen(
        [folder / ".venv/bin/python", "-m", "config.stack"],
        cwd=folder,
        env={**os.environ, **unset, **own, "VAR_DIR": ""},
        stdout=subprocess.DEVNULL,
    )
    try:
        yield stack
    finally:
        stack.send_signal(signal.SIGINT)
        stack.wait(timeout=60)


def cpu_seconds(stack: "subprocess.Popen[bytes]", folder: Path) -> float:
    """What the stack and its database have used, without processes that have ended."""
    server = int((folder / "var/postgres/postmaster.pid").read_text().split()[0])
    families = [psutil.Process(pid) for pid in (stack.pid, server)]
    processes = [one for top in families for one in (top, *top.children(recursive=True))]
    used = 0.0
    for process in processes:
        with suppress(psutil.Error):
            times = process.cpu_times()
            used += times.user + times.system
    return used


def wait_for(http: httpx.Client, wanted: str, address: str) -> str:
    """The page, once it has this in it. Raises TimeoutError."""
    deadline = time.monotonic() + LONGEST_SECONDS
    while time.monotonic() < deadline:
        with suppress(httpx.TransportError):
            text = http.get(address).text
            if re.search(wanted, text):
                return text
        time.sleep(0.1)
    raise TimeoutError(f"{address} never had {wanted}")


def measure() -> tuple[float, float, float]:
    """Seconds until the first page and until the past is stored, and CPU seconds until then."""
    port = free_port()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "clone"
        with fresh_stack(folder, port) as stack:
            began = time.monotonic()
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as http:
                page = wait_for(http, "csrfmiddlewaretoken", "/login/")
                first = time.monotonic() - began
                token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
                form = {"username": "admin", "password": PASSWORD}
                form["csrfmiddlewaretoken"] = token[1] if token else ""
                http.post("/login/", data=form)
                wait_for(http, "✓ collected", "/overview/")
            return first, time.monotonic() - began, cpu_seconds(stack, folder)


def main() -> None:
    """Measure, and write the section of docs/benchmarks.md."""
    starts = [measure() for _ in range(STARTS)]
    names = ("first page", "whole past stored", "CPU until then, of all processes")
    rows: list[Row] = [
        (name, *(f"{figures[place]:.1f}" for figures in starts)) for place, name in enumerate(names)
    ]
    head = ["seconds", *(f"start {number + 1}" for number in range(STARTS))]
    load = f"One-minute load of the machine afterwards: {os.getloadavg()[0]:.1f}."
    write_section("First start", "make bench-first-start", f"{table(head, rows)}\n\n{load}")


if __name__ == "__main__":
    main()
