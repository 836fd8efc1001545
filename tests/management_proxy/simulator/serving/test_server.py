"""The server program: keep-alive, both protocols on one port, an orderly end."""

import http.client
import json
import signal
import subprocess
import sys

import pytest

from management_proxy.simulator import ControlRefused, RunningSimulator, running_simulator
from management_proxy.simulator.__main__ import options_of, parse_arguments


def test_connections_are_kept_alive() -> None:
    with running_simulator() as sim:
        connection = http.client.HTTPConnection(sim.host, sim.port, timeout=60)
        for _ in range(3):
            connection.request("GET", "/v0/management/debug", headers={"Authorization": sim.key})
            assert connection.getresponse().read() == b'{"debug":false}'
        first = connection.sock.getsockname()
        connection.request("HEAD", "/healthz")
        assert connection.getresponse().read() == b""
        assert connection.sock.getsockname() == first
        connection.close()


def test_chunked_bodies_are_read() -> None:
    with running_simulator() as sim:
        connection = http.client.HTTPConnection(sim.host, sim.port, timeout=60)
        headers = {"Authorization": sim.key, "Transfer-Encoding": "chunked"}
        pieces = iter([b'{"value":', b"true}"])
        connection.request(
            "PUT", "/v0/management/debug", body=pieces, headers=headers, encode_chunked=True
        )
        assert connection.getresponse().read() == b'{"status":"ok"}'
        connection.close()


def _get(sim: RunningSimulator, path: str) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection(sim.host, sim.port, timeout=60)
    connection.request("GET", path, headers={"Authorization": sim.key})
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response, body


@pytest.mark.parametrize("events", [0, 1, 200])
def test_long_answers_are_chunked_and_short_ones_are_not(events: int) -> None:
    with running_simulator() as sim:
        sim.control("generate", {"events": events})
        response, body = _get(sim, "/v0/management/usage-queue?count=200")
        is_long = len(body) > 2048
        assert response.getheader("Transfer-Encoding") == ("chunked" if is_long else None)
        assert response.getheader("Content-Length") == (None if is_long else str(len(body)))
        assert len(json.loads(body)) == events


def test_a_running_simulator_is_controlled_by_its_handle() -> None:
    with running_simulator(control_key="c") as sim:
        assert sim.control("generate", {"events": 3}) == {"queued": 3}
        assert sim.control("state")["queued"] == 3
        sim.control("faults", {"kind": "status"})
        assert sim.control("faults", method="DELETE") == {"status": "ok"}
        assert sim.management_url == f"{sim.url}/v0/management"
        with pytest.raises(ControlRefused, match="no setting nonsense"):
            sim.control("settings", {"nonsense": 1})


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_program_says_where_it_listens_and_ends_on_a_signal(number: signal.Signals) -> None:
    command = [sys.executable, "-m", "management_proxy.simulator", "--port", "0", "--rate", "50"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline().startswith(
            "Simulated upstream 7.2.140 listening on http://127.0.0.1:"
        )
        process.send_signal(number)
        output, errors = process.communicate(timeout=60)
    assert (process.returncode, output, errors) == (0, "", "")


def test_arguments_become_options() -> None:
    arguments = parse_arguments(
        [
            "--key",
            "k",
            "--statistics",
            "off",
            "--retention",
            "90",
            "--profile",
            "7.0.7",
            "--reload-window",
            "0.2",
        ]
    )
    options = options_of(arguments)
    assert (options.key, options.statistics, options.retention) == ("k", False, 90)
    assert (options.profile, options.reload_window) == ("7.0.7", 0.2)
