"""What is to be captured, and how gently."""

import re
from dataclasses import dataclass
from pathlib import Path

_UNITS = {"s": 1, "m": 60, "h": 3600}


@dataclass(frozen=True)
class CaptureSettings:
    """A capture. `interval` is the seconds between two requests of an endpoint; a collection, which
    does work, is triggered `COLLECT_EVERY` times as rarely."""

    url: str
    duration: float
    interval: float = 5.0
    token: str = ""
    collector_key: str = ""
    cookie: str = ""
    management_path: str = "/api/management/config"
    collects: bool = True
    pids: tuple[int, ...] = ()
    cgroup: Path | None = None
    pages: tuple[str, ...] = ()
    page_seconds: float = 60.0


COLLECT_EVERY = 12


def seconds_of(text: str) -> float:
    """The seconds of `90s`, `5m` or `24h`; raises ValueError."""
    if not (found := re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", text)):
        raise ValueError(f"expected a duration like 90s, 5m or 24h, got {text!r}")
    return float(found[1]) * _UNITS[found[2]]
