"""The RESP side: the recorded conversations, and the rules that they do not show."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from itertools import groupby

import pytest

from management_proxy.simulator import RunningSimulator, running_simulator
from tests.management_proxy.simulator.replay import RECORDED_KEY, RECORDINGS, recorded_preset

LINES = [
    json.loads(line)
    for line in (RECORDINGS / "resp.jsonl").read_text(encoding="utf-8").splitlines()
]
DEADLINE = 5.0


@pytest.fixture
def sim() -> Iterator[RunningSimulator]:
    with running_simulator(key=RECORDED_KEY, preset=recorded_preset()) as running:
        yield running


class Wire:
    """One RESP connection."""

    def __init__(self, sim: RunningSimulator) -> None:
        self.socket = socket.create_connection((sim.host, sim.port), timeout=DEADLINE)

    def say(self, *words: str) -> None:
        parts = [word.encode() for word in words]
        self.send(
            b"*%d\r\n" % len(parts)
            + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)
        )

    def send(self, payload: bytes) -> None:
        self.socket.sendall(payload)

    def hear(self, size: int) -> bytes:
        heard = b""
        while len(heard) < size:
            piece = self.socket.recv(size - len(heard))
            if not piece:
                break
            heard += piece
        return heard

    def expect(self, reply: bytes, *words: str) -> None:
        if words:
            self.say(*words)
        assert self.hear(len(reply)) == reply

    def login(self) -> "Wire":
        self.expect(b"+OK\r\n", "AUTH", RECORDED_KEY)
        return self


@pytest.fixture
def wire(sim: RunningSimulator) -> Iterator[Callable[[], Wire]]:
    wires: list[Wire] = []

    def connect() -> Wire:
        wires.append(Wire(sim))
        return wires[-1]

    yield connect
    for one in wires:
        one.socket.close()


def _events_in(reply: str) -> list[bytes]:
    return [part.encode() for part in reply.split("\r\n") if part.startswith('{"timestamp"')]


@pytest.mark.parametrize("name", ["pop", "errors", "subscribe"])
def test_answers_as_recorded(sim: RunningSimulator, wire: Callable[[], Wire], name: str) -> None:
    conversation = next(
        list(lines) for key, lines in groupby(LINES, lambda line: line["name"]) if key == name
    )
    connection = wire()
    if name == "pop":
        sim.app.state.queue.push(
            event for line in conversation for event in _events_in(line["received"])
        )
    for line in conversation:
        if line["sent"]:
            connection.send(line["sent"].encode())
        else:
            sim.app.state.queue.push(_events_in(line["received"]))
        connection.expect(line["received"].encode())


def test_before_auth_everything_is_refused_and_counts(
    sim: RunningSimulator, wire: Callable[[], Wire]
) -> None:
    connection = wire()
    for _ in range(4):
        connection.expect(b"-NOAUTH Authentication required.\r\n", "PING")
    connection.expect(b"-ERR wrong number of arguments for 'auth' command\r\n", "AUTH")
    connection.expect(b"-ERR IP banned due to too many failed attempts.", "LPOP", "usage")
    assert sim.app.state.bans.failed_logins == 5


@pytest.mark.parametrize(
    ("words", "reply"),
    [
        (("AUTH", "wrong"), b"-ERR invalid management key\r\n"),
        (("AUTH", ""), b"-ERR missing management key\r\n"),
        (("AUTH", "anybody", RECORDED_KEY), b"+OK\r\n"),
    ],
)
def test_auth(wire: Callable[[], Wire], words: tuple[str, ...], reply: bytes) -> None:
    wire().expect(reply, *words)


@pytest.mark.parametrize(
    ("words", "reply"),
    [
        (("HELLO", "3"), b"-ERR unknown command 'hello'\r\n"),
        (("RPOP",), b"-ERR wrong number of arguments for 'rpop' command\r\n"),
        (("LPOP", " USAGE "), b"$-1\r\n"),
        (("LPOP", "usage", "x"), b"-ERR value is not an integer or out of range\r\n"),
        (
            ("SUBSCRIBE", "usage", "errors"),
            b"-ERR wrong number of arguments for 'subscribe' command\r\n",
        ),
    ],
)
def test_commands(wire: Callable[[], Wire], words: tuple[str, ...], reply: bytes) -> None:
    wire().login().expect(reply, *words)


def test_empty_array_and_broken_protocol(wire: Callable[[], Wire]) -> None:
    connection = wire().login()
    connection.send(b"*0\r\n")
    connection.expect(b"-ERR empty command\r\n")
    connection.send(b"*1\r\n!oops\r\n")
    connection.expect(b"-ERR protocol error\r\n")
    assert connection.hear(1) == b""


def test_reload_is_announced_to_subscribers(
    sim: RunningSimulator, wire: Callable[[], Wire]
) -> None:
    connection = wire().login()
    connection.expect(b"*3\r\n$9\r\nsubscribe\r\n$5\r\nusage\r\n:1\r\n", "SUBSCRIBE", "usage")
    connection.expect(b'*3\r\n$7\r\nmessage\r\n$5\r\nusage\r\n$24\r\n{"support_refresh":true}\r\n')
    sim.app.state.store.write(lambda values: values.update({"debug": True}))
    connection.expect(b'*3\r\n$7\r\nmessage\r\n$5\r\nusage\r\n$16\r\n{"refresh":true}\r\n')


def test_quit_ends_a_subscription(sim: RunningSimulator, wire: Callable[[], Wire]) -> None:
    connection = wire().login()
    connection.expect(b"*3\r\n$9\r\nsubscribe\r\n$6\r\nerrors\r\n:1\r\n", "SUBSCRIBE", "errors")
    connection.expect(b"*2\r\n$4\r\npong\r\n$-1\r\n", "PING")
    connection.expect(b"+OK\r\n", "QUIT")
    assert connection.hear(1) == b""
    _wait_for(lambda: sim.app.state.queue.subscriber_count("errors") == 0)


def test_failed_attempts_are_told_on_the_errors_channel(
    sim: RunningSimulator, wire: Callable[[], Wire]
) -> None:
    connection = wire().login()
    connection.expect(b"*3\r\n$9\r\nsubscribe\r\n$6\r\nerrors\r\n:1\r\n", "SUBSCRIBE", "errors")
    sim.app.state.traffic.failure_rate = 1.0
    event = sim.app.state.traffic.request(0)[0][1]
    sim.app.record([event])
    heard = connection.hear(60)
    assert heard.startswith(b"*3\r\n$7\r\nmessage\r\n$6\r\nerrors\r\n")


def test_disabled_management_closes_without_a_word() -> None:
    with running_simulator(key="") as sim:
        connection = Wire(sim)
        connection.say("AUTH", "x")
        assert connection.hear(1) == b""
        connection.socket.close()


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)
