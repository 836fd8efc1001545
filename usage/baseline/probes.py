"""Requests to the three endpoints that the plan measures; each becomes one sample."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import requests

from usage.baseline.settings import COLLECT_EVERY, CaptureSettings

PATIENCE_SECONDS = 120.0
HISTORY, COLLECT, MANAGEMENT = "history", "collect", "management"
RANGES = (7, 30)


@dataclass
class Probe:
    """One endpoint, and when it is due."""

    endpoint: str
    interval: float
    send: Callable[[], requests.Response]
    due: float = 0.0

    def sample(self) -> dict[str, Any]:
        """Send a request; what came of it. Milliseconds until the whole body is there."""
        began = time.perf_counter()
        try:
            response = self.send()
        except requests.RequestException as error:
            outcome: dict[str, Any] = {"status": 0, "failure": type(error).__name__}
        else:
            outcome = {"status": response.status_code, "failure": _failure_of(response)}
        took = (time.perf_counter() - began) * 1000
        return {"endpoint": self.endpoint, "ms": round(took, 2), **outcome}


def probes(settings: CaptureSettings) -> list[Probe]:
    """One for each endpoint that is to be measured."""
    session = requests.Session()
    session.trust_env = False
    if settings.cookie:
        session.headers["Cookie"] = settings.cookie
    own = {"Authorization": f"Bearer {settings.token}"} if settings.token else {}
    key = settings.collector_key or settings.token
    for_collecting = {"Authorization": f"Bearer {key}"} if key else {}
    ranges = _ranges()

    def send(method: str, path: str, headers: dict[str, str], **more: Any) -> requests.Response:
        return session.request(
            method,
            settings.url + path,
            headers=headers,
            timeout=PATIENCE_SECONDS,
            allow_redirects=False,
            **more,
        )

    made = [
        Probe(
            HISTORY,
            settings.interval,
            lambda: send("GET", "/api/usage/history", own, params=next(ranges)),
        ),
        Probe(MANAGEMENT, settings.interval, lambda: send("GET", settings.management_path, own)),
    ]
    if settings.collects:
        collect = Probe(
            COLLECT,
            settings.interval * COLLECT_EVERY,
            lambda: send("POST", "/api/usage/collect", for_collecting),
        )
        made.append(collect)
    return made


def _ranges() -> Iterator[dict[str, str]]:
    """The plan's common filters in turn, as its dashboard requests them."""
    while True:
        for days in RANGES:
            today = datetime.now(UTC).date()
            yield {"from": str(today - timedelta(days=days)), "to": str(today)}


def _failure_of(response: requests.Response) -> str:
    """What an error calls itself, in either envelope of the plan's dashboard; empty for success."""
    if response.status_code < 400:
        return ""
    try:
        error = response.json()["error"]
    except (ValueError, KeyError, TypeError):
        return "unreadable"
    return str(error.get("code") if isinstance(error, dict) else error)[:80]
