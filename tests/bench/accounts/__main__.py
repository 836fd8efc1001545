"""Lists of 1,000 accounts and 1,000 client keys, page by page and as they are polled, and 500 files
uploaded at once: `make bench-accounts`.

Real gunicorn, real HTTP, a simulated upstream in a process of its own. The first row is what the
upstream alone needs to send its list, which every page of accounts waits for.
"""

import argparse
import io
import json
import os
import time
import zipfile
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx

from tests.bench.arena import arena, percentile
from tests.bench.load import make_staff, signed_in
from tests.bench.providers import KEY, simulator
from tests.bench.report import Row, table, write_section
from tests.bench.watch import served

COUNT = 1_000
UPLOADED = 500
HEAD = ["request", "status", "kB", "p50 ms", "p95 ms", "target"]
TARGET = "100 kB, p95 100 ms"
POLLED = {"HX-Request": "true"}
PAGES = (
    ("accounts", "/providers/accounts/"),
    ("accounts, last page", f"/providers/accounts/?page={COUNT // 40}"),
    ("accounts, searched", "/providers/accounts/?q=person-77"),
    ("accounts, sorted by failures", "/providers/accounts/?sort=-failed"),
    ("client keys", "/providers/client-keys/"),
    ("client keys, searched and sorted", "/providers/client-keys/?q=team&sort=-key"),
    ("client keys, sorted by requests", "/providers/client-keys/?sort=-requests"),
    ("provider keys", "/providers/keys/"),
)


def auth_file(number: int) -> bytes:
    return json.dumps(
        {
            "type": "claude",
            "email": f"person-{number}@example.com",
            "refresh_token": f"r-{number}",
            "access_token": f"a-{number}",
        }
    ).encode()


def fill(management_url: str, count: int) -> None:
    """Put so many accounts on a simulated upstream, past Tollgate."""
    files = [
        ("file", (f"claude-person-{number}.json", auth_file(number))) for number in range(count)
    ]
    headers = {"Authorization": f"Bearer {KEY}"}
    httpx.post(f"{management_url}/auth-files", files=files, headers=headers).raise_for_status()


def measured(
    http: httpx.Client, path: str, count: int, headers: dict[str, str]
) -> tuple[httpx.Response, list[float]]:
    """The last response, and the milliseconds of each after two that do not count."""
    times = []
    for _ in range(count + 2):
        started = time.perf_counter()
        response = http.get(path, headers=headers)
        times.append((time.perf_counter() - started) * 1000)
    return response, times[2:]


def row(name: str, response: httpx.Response, times: list[float], target: str = TARGET) -> Row:
    p50, p95 = (f"{percentile(times, share):.0f}" for share in (50, 95))
    return [name, response.status_code, f"{len(response.content) / 1000:.0f}", p50, p95, target]


def rows(http: httpx.Client, management_url: str, requests: int) -> Iterator[Row]:
    key = {"Authorization": f"Bearer {KEY}"}
    with httpx.Client(timeout=60) as direct:
        yield row(
            "the upstream's own list",
            *measured(direct, f"{management_url}/auth-files", requests, key),
            "",
        )
    for name, path in PAGES:
        yield row(name, *measured(http, path, requests, {}))
    tag = http.get(PAGES[0][1], headers=POLLED).headers["ETag"]
    yield row(
        "accounts, polled without a change",
        *measured(http, PAGES[0][1], requests, {**POLLED, "If-None-Match": tag}),
    )


def uploaded(http: httpx.Client) -> Row:
    """Seconds from sending a zip until every file is verified upstream, checks and confirmation
    included."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as files:
        for number in range(UPLOADED):
            files.writestr(f"upload-{number}.json", auth_file(COUNT + number))
    started = time.perf_counter()
    response = _posted(http, "/providers/acts/upload/", {"file": ("all.zip", archive.getvalue())})
    checked = time.perf_counter() - started
    act = response.headers["Location"]
    _posted(http, f"{act}confirm/")
    while f"{UPLOADED} done, 0 failed, 0 open" not in http.get(act).text:
        assert time.perf_counter() - started < 300, "the upload does not end"
        time.sleep(1)  # the page itself polls every other second
    took = time.perf_counter() - started
    name = f"{UPLOADED} files in a zip"
    return [name, "", f"{checked:.1f} s to check", f"{took:.1f} s to the end", "", "10 s"]


def _posted(http: httpx.Client, path: str, files: Any = None) -> httpx.Response:
    response = http.post(path, data={"csrfmiddlewaretoken": http.cookies["csrftoken"]}, files=files)
    assert response.status_code == 302, response.text
    return response


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.accounts", description=__doc__)
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--requests", type=int, default=40)
    options = parser.parse_args()
    with arena() as environment, simulator(options.count) as management_url:
        make_staff()
        fill(management_url, options.count)
        environment |= {"CLIPROXYAPI_MANAGEMENT_URL": management_url, "MANAGEMENT_API_KEY": KEY}
        with served(environment) as url, closing(signed_in(url)) as http:
            listed = list(rows(http, management_url, options.requests))
            body = table(HEAD, [*listed, uploaded(http)])
    load = f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    introduction = f"{options.count:,} accounts, {options.count:,} client keys; {load}."
    write_section("Accounts and keys", "make bench-accounts", f"{introduction}\n\n{body}")


if __name__ == "__main__":
    main()
