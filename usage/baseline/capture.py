"""The capture as it goes: probe after probe at its rate, until the time is over or it is stopped.

One request at a time: a baseline shows what a user waits for, not what an instance can bear.
"""

import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests

from usage.baseline import machine, pages, processes
from usage.baseline.journal import Journal
from usage.baseline.probes import Probe, probes
from usage.baseline.settings import CaptureSettings
from usage.baseline.summary import summarise

RESOURCES_EVERY = 10.0


def capture(
    settings: CaptureSettings,
    output: Path,
    stop: threading.Event,
    report: Callable[[str], None],
) -> dict[str, Any] | None:
    """Capture, or go on with what was interrupted; the document, which `output` then holds, or None
    if it was stopped before the end. Raises AnotherCapture."""
    journal_path = output.with_name(output.name + ".journal")
    with Journal(journal_path, _identity(settings)) as journal:
        if journal.samples:
            report(f"going on after {journal.elapsed:.0f} s")
        if settings.pages and not any({"page", "no_pages"} & set(s) for s in journal.samples):
            _measure_pages(settings, journal, report)
        _probe(settings, journal, stop, report)
        if journal.elapsed < settings.duration:
            return None
        document = _document(settings, journal)
    output.write_text(json.dumps(document, indent=1) + "\n")
    journal_path.unlink()
    return document


def _identity(settings: CaptureSettings) -> dict[str, Any]:
    return {"url": settings.url, "interval": settings.interval, "duration": settings.duration}


def _measure_pages(
    settings: CaptureSettings, journal: Journal, report: Callable[[str], None]
) -> None:
    """How many requests a page makes does not depend on the hour: once is enough."""
    report(f"{len(settings.pages)} pages, {settings.page_seconds:.0f} s each")
    try:
        for measured in pages.measure(settings):
            journal.add({"elapsed": 0.0, "page": measured})
    except pages.NoBrowser as error:
        journal.add({"elapsed": 0.0, "no_pages": str(error)})


def _probe(
    settings: CaptureSettings,
    journal: Journal,
    stop: threading.Event,
    report: Callable[[str], None],
) -> None:
    done, began = journal.elapsed, time.monotonic()
    due = probes(settings)
    next_resources = next_report = 0.0
    while (elapsed := done + time.monotonic() - began) < settings.duration and not stop.is_set():
        now = time.monotonic()
        for probe in due:
            if now >= probe.due:
                _send(probe, journal, elapsed)
        if now >= next_resources and (used := processes.sample(settings.pids, settings.cgroup)):
            journal.add({"elapsed": round(elapsed, 2), "at": _now(), **used})
            next_resources = now + min(RESOURCES_EVERY, settings.duration / 20)
        if now >= next_report:
            report(_progress(journal, elapsed, settings.duration))
            next_report = now + max(10.0, settings.duration / 200)
        stop.wait(max(0.05, min(probe.due for probe in due) - time.monotonic()))
    if not stop.is_set():
        journal.add({"elapsed": settings.duration, "at": _now()})


def _send(probe: Probe, journal: Journal, elapsed: float) -> None:
    journal.add({"elapsed": round(elapsed, 2), "at": _now(), **probe.sample()})
    probe.due = time.monotonic() + probe.interval


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _progress(journal: Journal, elapsed: float, duration: float) -> str:
    sent = [sample for sample in journal.samples if "endpoint" in sample]
    failed = sum(sample["status"] == 0 or sample["status"] >= 400 for sample in sent)
    return (
        f"{elapsed:.0f} of {duration:.0f} s ({elapsed / duration:.0%}), {len(sent)} requests,"
        f" {failed} failed"
    )


def _document(settings: CaptureSettings, journal: Journal) -> dict[str, Any]:
    times = [sample["at"] for sample in journal.samples if "at" in sample]
    missing = [sample["no_pages"] for sample in journal.samples if "no_pages" in sample]
    reason = missing[0] if missing else "no pages were named" if not settings.pages else ""
    return {
        "url": settings.url,
        "machine": machine.described(),
        "dataset": _dataset(settings),
        "capture": {
            "started_at": times[0],
            "ended_at": times[-1],
            "seconds": settings.duration,
            "interval_seconds": settings.interval,
        },
        **summarise(journal.samples),
        "pages_not_measured": f"Pages were not measured: {reason}." if reason else "",
    }


def _dataset(settings: CaptureSettings) -> str:
    """How much usage the instance shows, in words; empty if it does not say."""
    probe = probes(settings)[0]
    try:
        totals = probe.send().json()["data"]["totals"]
        return f"{int(totals['totalRequests']):,} events in its last 7 days"
    except (requests.RequestException, ValueError, KeyError, TypeError):
        return ""
