"""The baseline of a dashboard that behaves as the plan's does, and of Tollgate itself."""

import json
import os
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from management_proxy.tokens.actions import create_token
from tests.factories import make_user
from usage.baseline.capture import capture
from usage.baseline.journal import AnotherCapture
from usage.baseline.markdown import markdown
from usage.baseline.settings import CaptureSettings, seconds_of
from usage.baseline.summary import percentile, summarise


class Dashboard(BaseHTTPRequestHandler):
    """The plan's dashboard, with its two envelopes of errors."""

    seen: Counter[str]

    def respond(self) -> None:
        path = self.path.partition("?")[0]
        self.seen[f"{self.command} {path} {self.headers.get('Authorization', '')}"] += 1
        status, body = {
            "/api/usage/history": (200, {"data": {"totals": {"totalRequests": 1234}}}),
            "/api/usage/collect": (202, {"success": False, "runId": "r"}),
        }.get(path, (502, {"error": "upstream gone"}))
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = respond  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def dashboard() -> Iterator[str]:
    Dashboard.seen = Counter()
    with ThreadingHTTPServer(("127.0.0.1", 0), Dashboard) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def settings_for(url: str, **more: object) -> CaptureSettings:
    fields = {"duration": 0.6, "interval": 0.05, "pids": (os.getpid(),), **more}
    return CaptureSettings(url=url, **fields)  # type: ignore[arg-type]


def test_everything_of_the_plans_baseline_is_in_the_document(dashboard: str, tmp_path: Path):
    output, lines = tmp_path / "baseline.json", []
    settings = settings_for(dashboard, token="t", collector_key="c")
    document = capture(settings, output, threading.Event(), lines.append)
    assert document
    assert json.loads(output.read_text()) == document
    assert list(tmp_path.iterdir()) == [output]
    history, collect, management = document["endpoints"].values()
    assert history["status_shares"] == {"200": 1.0}
    assert history["latency_ms"]["p50"] <= history["latency_ms"]["p99"]
    assert (collect["status_shares"], management["latency_ms"]) == ({"202": 1.0}, None)
    assert document["failures"] == {"management 502 upstream gone": management["requests"]}
    assert document["dataset"] == "1,234 events in its last 7 days"
    assert Dashboard.seen["POST /api/usage/collect Bearer c"] == collect["requests"]
    assert history["requests"] > 3 * collect["requests"] > 0
    assert "0 of 1 s" in lines[0]
    shown = markdown(document)
    assert "| `management 502 upstream gone` |" in shown
    assert "Pages were not measured: no pages were named." in shown


def test_an_interrupted_capture_goes_on_and_keeps_what_it_had(dashboard: str, tmp_path: Path):
    output, stop = tmp_path / "baseline.json", threading.Event()
    settings, lines = settings_for(dashboard, duration=1.0), []
    threading.Timer(0.4, stop.set).start()
    assert capture(settings, output, stop, lines.append) is None
    journal = tmp_path / "baseline.json.journal"
    taken = len(journal.read_text().splitlines()) - 1
    with journal.open("a") as file:
        file.write('{"elapsed": 0.4, "endp')  # a crash in the middle of a line
    with pytest.raises(AnotherCapture, match="remove the file"):
        capture(settings_for(dashboard, duration=9.0), output, threading.Event(), lines.append)
    document = capture(settings, output, threading.Event(), lines.append)
    assert document
    assert any("going on after" in line for line in lines)
    requests = sum(one["requests"] for one in document["endpoints"].values())
    assert requests > taken - 5
    assert not journal.exists()


@pytest.mark.django_db(transaction=True)
def test_the_command_captures_tollgate_and_prints_the_snapshot(live_server, tmp_path, capsys):
    _, token = create_token(make_user(staff=True), "baseline", "read")
    arguments = ["--url", live_server.url, "--output", str(tmp_path / "b.json"), "--token", token]
    arguments += ["--duration", "1s", "--interval", "1s", "--without-collect", "--markdown"]
    call_command("capture_baseline", *arguments)
    shown = capsys.readouterr().out
    assert "| `GET /api/usage/history` | 1 |" in shown
    assert "200: 100.0%" in shown
    assert "0 events in its last 7 days" in shown


def test_the_command_refuses_a_folder_that_is_not_there(dashboard: str, tmp_path: Path):
    with pytest.raises(CommandError, match="No such file"):
        call_command(
            "capture_baseline", "--url", dashboard, "--output", str(tmp_path / "no" / "b.json")
        )


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("5m", 300), ("24h", 86_400)])
def test_durations(text: str, seconds: float):
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "5d", "-1s", "1e9s"])
def test_other_durations_are_refused(text: str):
    with pytest.raises(ValueError, match="expected a duration"):
        seconds_of(text)


def test_failed_requests_do_not_count_as_quick_ones():
    samples = [
        {"endpoint": "history", "status": 200, "ms": 100.0, "failure": ""},
        {"endpoint": "history", "status": 500, "ms": 1.0, "failure": "X"},
        {"endpoint": "history", "status": 0, "ms": 9.0, "failure": "ConnectionError"},
    ]
    history = summarise(samples)["endpoints"]["history"]
    assert history["latency_ms"] == {"p50": 100.0, "p95": 100.0, "p99": 100.0}
    assert history["status_shares"] == {"0": 0.3333, "200": 0.3333, "500": 0.3333}


def test_percentiles_are_of_the_nearest_rank():
    assert [percentile(range(1, 101), p) for p in (50, 95, 99)] == [50, 95, 99]
    assert percentile([7.0], 95) == 7.0
