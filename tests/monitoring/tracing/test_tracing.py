"""Tracing: what a receiver of OpenTelemetry gets of real processes, and that nothing of it is there
where it is not wanted."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from config import tracing
from management_proxy.simulator import running_simulator
from monitoring.checks import check_tracing
from tests.management_proxy.proxied import browser, upstream_of
from tests.monitoring.alerts.receiver import Receiver, receiver
from tests.processes import PROJECT, eventually, free_port, process_environment
from tests.web_server import web_server

TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}


@dataclass(frozen=True)
class Seen:
    """A span as it arrived."""

    name: str
    trace: str
    id: str
    parent: str
    attributes: dict[str, str]


def spans_of(arrived: Receiver) -> Iterator[Seen]:
    for _, body in arrived.raw:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                for span in scope.spans:
                    about = {a.key: a.value.string_value for a in span.attributes}
                    ids = (span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex())
                    yield Seen(span.name, *ids, about)


def exporting_to(arrived: Receiver) -> dict[str, str]:
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": arrived.url.rpartition("/")[0],
        "OTEL_BSP_SCHEDULE_DELAY": "100",
        "LOG_FORMAT": "json",
    }


def named(arrived: Receiver, name: str) -> list[Seen]:
    return [span for span in spans_of(arrived) if span.name.startswith(name)]


@pytest.mark.django_db(transaction=True)
def test_requests_statements_upstream_calls_and_runs_are_traced(tmp_path: Path):
    with receiver() as arrived, running_simulator(statistics=True) as simulator:
        upstream = upstream_of(simulator, "east")
        with web_server(tmp_path, **exporting_to(arrived)) as server, browser(server) as staff:
            staff.get("config", headers=CALLER).raise_for_status()
            staff.get(f"{server.url}/healthz").raise_for_status()
            staff.get(f"{server.url}/api/usage/export").raise_for_status()
            eventually(lambda: named(arrived, "GET api/usage/export"))
            eventually(lambda: named(arrived, "GET api/management"))
            lines = [json.loads(line) for line in server.log().splitlines() if line[0] == "{"]
        simulator.control("generate", {"events": 3, "spread": 1})
        collected = subprocess.run(
            [sys.executable, "manage.py", "collect_usage"],
            cwd=PROJECT,
            env=process_environment(**exporting_to(arrived), SPOOL_DIR=str(tmp_path / "spool")),
            capture_output=True,
            text=True,
            check=True,
        )
        assert named(arrived, "collector run"), collected.stderr
        found = list(spans_of(arrived))
        assert simulator.key.encode() not in b"".join(body for _, body in arrived.raw)
    (request,) = named(arrived, "GET api/management")
    children = [span for span in found if span.parent == request.id]
    assert "GET config" in {span.name for span in children}
    assert any(span.attributes.get("db.system.name") == "postgresql" for span in children)
    # No trace of a caller who is no proxy of ours is continued.
    assert request.trace != TRACE
    assert request.parent == ""
    assert "GET healthz" not in {span.name for span in found}
    (line,) = [line for line in lines if line.get("event") == "proxy.call_ended"]
    assert line["trace_id"] == request.trace
    assert line["request_id"] == request.attributes["tollgate.request_id"]
    (run,) = named(arrived, "collector run")
    assert run.attributes["tollgate.upstream"] == upstream.name
    pops = named(arrived, "GET usage-queue")
    assert {pop.trace for pop in pops} == {run.trace}
    (copy,) = named(arrived, "usage.ingest.copy")
    assert (copy.trace, copy.attributes["db.operation.name"]) == (run.trace, "COPY")
    (download,) = named(arrived, "GET api/usage/export")
    (copy,) = named(arrived, "usage.events.export")
    assert (copy.parent, copy.attributes["db.operation.name"]) == (download.id, "COPY")


@pytest.mark.django_db(transaction=True)
def test_a_trusted_proxy_begins_the_trace_and_a_dead_receiver_costs_nothing(tmp_path: Path):
    dead = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}", "LOG_FORMAT": "json"}
    with web_server(tmp_path, TRUSTED_PROXIES="127.0.0.1", **dead) as server:
        with browser(server) as staff:
            staff.get(f"{server.url}/monitoring/", headers=CALLER).raise_for_status()
        eventually(lambda: f'"trace_id": "{TRACE}"' in server.log())
        began = time.monotonic()
        server.process.terminate()
        server.process.wait(15)
        assert time.monotonic() - began < 8


def test_nothing_of_it_is_imported_without_the_extra():
    script = (
        "import sys; sys.modules['opentelemetry'] = None  # as if it were not installed\n"
        "from config.wsgi import application; from django.test import Client\n"
        "from django.conf import settings; settings.ALLOWED_HOSTS.append('testserver')\n"
        "assert Client().get('/healthz').status_code == 200\n"
        "import usage.collector.loop, management_proxy.proxy.views\n"
        "print([name for name in sys.modules if 'opentelemetry' in name or 'tracing.e' in name])"
    )
    environment = {
        name: value for name, value in process_environment().items() if not name.startswith("OTEL_")
    }
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "['opentelemetry']", done.stderr


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ({}, False),
        ({"OTEL_SERVICE_NAME": "x"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://otel:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://otel:4318/v1/traces"}, True),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://o"}, False),
        ({"OTEL_SDK_DISABLED": "TRUE", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://o"}, False),
    ],
)
def test_the_standard_variables_decide(variables, wanted):
    assert tracing.is_wanted(variables) is wanted
    assert tracing.trouble_of(variables) == ""


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "zipkin"),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "grpc"),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, "not installed"),
    ],
)
def test_what_cannot_be_had_is_a_warning(variables, reason, monkeypatch, settings):
    monkeypatch.setattr(tracing, "find_spec", lambda name: None)
    settings.TRACING_TROUBLE = tracing.trouble_of(variables)
    (warning,) = check_tracing(None)
    assert reason in warning.msg
    assert warning.id == "tollgate.W020"
