"""The server program: keep-alive, both protocols on one port, an orderly end."""

import http.client
import signal
import subprocess
import sys

import pytest

from management_proxy.simulator import running_simulator
from management_proxy.simulator.__main__ import options_of, parse_arguments


def test_connections_are_kept_alive() -> None:
    with running_simulator() as sim:
        connection = http.client.HTTPConnection(sim.host, sim.port, timeout=5)
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
        connection = http.client.HTTPConnection(sim.host, sim.port, timeout=5)
        headers = {"Authorization": sim.key, "Transfer-Encoding": "chunked"}
        pieces = iter([b'{"value":', b"true}"])
        connection.request("PUT", "/v0/management/debug", body=pieces, headers=headers, encode_chunked=True)
        assert connection.getresponse().read() == b'{"status":"ok"}'
        connection.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_program_says_where_it_listens_and_ends_on_a_signal(number: signal.Signals) -> None:
    command = [sys.executable, "-m", "management_proxy.simulator", "--port", "0", "--rate", "50"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline().startswith("Simulated upstream 7.2.140 listening on http://127.0.0.1:")
        process.send_signal(number)
        output, errors = process.communicate(timeout=10)
    assert (process.returncode, output, errors) == (0, "", "")


def test_arguments_become_options() -> None:
    arguments = parse_arguments(["--key", "k", "--statistics", "off", "--retention", "90", "--profile", "7.0.7", "--reload-window", "0.2"])
    options = options_of(arguments)
    assert (options.key, options.statistics, options.retention) == ("k", False, 90)
    assert (options.profile, options.reload_window) == ("7.0.7", 0.2)
