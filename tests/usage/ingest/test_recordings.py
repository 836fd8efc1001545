"""Queue pages recorded from real servers, byte for byte through client, spool, collector and
database."""

import json
from collections import Counter
from typing import Any

import httpx
import pytest

from management_proxy.client.http import ManagementClient
from providers.models import Credential
from tests.factories import RECORDINGS, Recording, make_upstream, recordings_in
from usage.collector import collect as collector
from usage.collector.collect import collect
from usage.models import (
    CollectorRun,
    DeadLetter,
    UsageDaily,
    UsageDailyByKeyAndModel,
    UsageEvent,
    UsageHourly,
    UsageSeries,
)

RECORDED = {
    name: pages
    for name, pages in recordings_in("usage-queue*.jsonl", "older/*.jsonl").items()
    if "while-subscribed" not in name
}
SUMS = {
    "latency_ms": "latency_ms",
    "total_tokens": "total_tokens",
    "uncached_input_tokens": "uncached_input_tokens",
    "cache_read_tokens": "cache_read_tokens",
    "cache_write_tokens": "cache_write_tokens",
    "non_reasoning_output_tokens": "non_reasoning_output_tokens",
    "reasoning_tokens": "reasoning_tokens",
    "unclassified_tokens": "unclassified_tokens",
    **{
        f"reported_{kind}_tokens": f"reported_{kind}_tokens"
        for kind in (
            "input",
            "output",
            "reasoning",
            "cached",
            "cache_read",
            "cache_creation",
            "total",
        )
    },
}


class RecordedUpstream(httpx.BaseTransport):
    """Answers pops with the recorded pages in turn, and everything else with a plausible
    configuration."""

    def __init__(self, pages: list[Recording]) -> None:
        self.pages = iter(pages)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/config"):
            return httpx.Response(
                200,
                stream=httpx.ByteStream(
                    b'{"usage-statistics-enabled":true,"redis-usage-queue-retention-seconds":60}'
                ),
            )
        page = next(self.pages)
        return httpx.Response(page.status, headers=page.headers, stream=httpx.ByteStream(page.body))


@pytest.fixture
def collected(monkeypatch, settings, request) -> str:
    """Collect one recording whole; its name."""
    pages = [p for p in RECORDED[request.param] if "page" in p.name]
    settings.COLLECTOR_PAGE_SIZE = 1
    upstream = make_upstream()
    client = ManagementClient(upstream.management_url, "key", transport=RecordedUpstream(pages))
    monkeypatch.setattr(collector, "client_for", lambda _: client)
    run = collect(upstream, CollectorRun.Trigger.COMMAND)
    assert isinstance(run, CollectorRun)
    assert run.status == CollectorRun.Status.SUCCEEDED, run.error
    assert run.pages == len(pages)
    return request.param


def truth_of(name: str) -> dict[str, Any]:
    return json.loads((RECORDINGS / name.replace(".jsonl", ".truth.json")).read_text())


def stored_rows() -> list[dict[str, Any]]:
    names = {s.pk: s for s in UsageSeries.objects.all()}
    return [
        {"event": e, "series": names[e.series_id]}
        for e in UsageEvent.objects.select_related("client_key", "credential")
    ]


def sums(rows: list[dict[str, Any]]) -> dict[str, int]:
    """Sums of what was reported; a count that no event reports is left out, as in the truth."""
    events = [row["event"] for row in rows]
    reported = {
        name: [v for e in events if (v := getattr(e, column)) is not None]
        for name, column in SUMS.items()
    }
    return {
        "attempts": len(events),
        "failed": sum(row["series"].failed for row in rows),
        **{name: sum(values) for name, values in reported.items() if values},
    }


GROUPS = {
    "alias": lambda r: r["series"].alias,
    "model": lambda r: r["series"].model,
    "provider": lambda r: r["series"].provider,
    "endpoint": lambda r: r["series"].endpoint,
    "api_key": lambda r: r["event"].client_key.last_four if r["event"].client_key else "",
    "auth_index": lambda r: r["event"].credential.auth_index if r["event"].credential else "",
    "failure_status": lambda r: str(r["event"].fail_status or "") if r["series"].failed else None,
    "utc_day": lambda r: f"{r['event'].timestamp:%Y-%m-%d}",
    "utc_hour": lambda r: f"{r['event'].timestamp:%Y-%m-%dT%H}",
}


@pytest.mark.django_db
@pytest.mark.parametrize("collected", RECORDED, indirect=True)
def test_stored_sums_equal_the_truth(collected: str) -> None:
    truth, rows = truth_of(collected), stored_rows()
    assert sums(rows) == truth["total"]
    assert sum(row["event"].is_first_attempt for row in rows) == truth["requests"]
    assert not DeadLetter.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("collected", RECORDED, indirect=True)
def test_stored_sums_by_every_dimension_equal_the_truth(collected: str) -> None:
    truth, rows = truth_of(collected)["by"], stored_rows()
    assert truth.keys() == GROUPS.keys()
    for dimension, group in GROUPS.items():
        expected = {
            (key[-4:] if dimension == "api_key" else key): value
            for key, value in truth[dimension].items()
        }
        assert len(expected) == len(truth[dimension])
        found = {
            key: sums([r for r in rows if group(r) == key])
            for key in {group(r) for r in rows} - {None}
        }
        assert found == expected, dimension


@pytest.mark.django_db
@pytest.mark.parametrize("collected", RECORDED, indirect=True)
@pytest.mark.parametrize("rollup", [UsageHourly, UsageDaily, UsageDailyByKeyAndModel])
def test_rollups_equal_the_truth(
    collected: str, rollup: type[UsageHourly] | type[UsageDaily]
) -> None:
    truth = truth_of(collected)
    found: Counter[str] = Counter()
    for row in rollup.objects.select_related("series"):
        found.update({name: getattr(row, name) or 0 for name in SUMS if hasattr(row, name)})
        found.update(
            attempts=row.attempts,
            requests=row.requests,
            failed=row.failed,
            latency_ms=row.latency_sum_ms,
        )
    expected = {**truth["total"], "requests": truth["requests"]}
    assert {name: found[name] for name in expected if not name.startswith("reported_")} == {
        name: value for name, value in expected.items() if not name.startswith("reported_")
    }


@pytest.mark.django_db
@pytest.mark.parametrize("collected", RECORDED, indirect=True)
def test_no_secret_of_the_recording_is_stored(collected: str) -> None:
    truth = truth_of(collected)
    stored = "\n".join(json.dumps([e.fail_body, e.details]) for e in UsageEvent.objects.all())
    stored += "\n".join(c.label for c in Credential.objects.all())
    for key in truth["by"]["api_key"]:
        assert not key or key not in stored
    assert "Set-Cookie" not in stored
