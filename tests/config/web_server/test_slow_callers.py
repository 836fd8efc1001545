"""Callers that send or read slowly hold no thread: pages stay quick meanwhile.

One worker with four threads meets far more of them than it has threads.
"""

import json
import socket
import threading
import time
from contextlib import ExitStack

import httpx
import pytest

from config.web_server.incoming import BODY_BYTES
from tests.web_server import web_server

pytestmark = pytest.mark.django_db(transaction=True)
CALLERS = 60
# A page for which no thread is free would wait until the callers' deadline, which is ten seconds.
LONGEST_PAGE_SECONDS = 5.0
FORM = (
    b"POST /login/ HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\n"
)
STATIC = b"GET /static/admin/js/vendor/xregexp/xregexp.js HTTP/1.1\r\nHost: 127.0.0.1\r\n"
SLOW = {
    "silent": b"",
    "head": b"POST /login/ HTTP/1.1\r\nHost:",
    "body": FORM + b"Content-Length: 100\r\n\r\nu",
    "chunks": FORM + b"Transfer-Encoding: chunked\r\n\r\n5\r\nu",
    "large": FORM + b"Content-Length: 9000000\r\n\r\n" + b"u" * BODY_BYTES,
    "nothing": b"\r\n\r\n",
    "waits-for-leave": FORM + b"Expect: 100-continue\r\nContent-Length: 100\r\n\r\n",
    "reads-nothing": STATIC + b"\r\n",
    "reads-nothing-of-many": (STATIC + b"\r\n") * 20,
    "stays-after-the-end": b"GET /login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
}


@pytest.fixture(scope="module")
def server(django_db_setup, tmp_path_factory):
    with web_server(tmp_path_factory.mktemp("web"), WEB_THREADS="4") as server:
        yield server


def caller(port: int, *, window: int = 0) -> socket.socket:
    connection = socket.socket()
    if window:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
    connection.settimeout(20)
    connection.connect(("127.0.0.1", port))
    return connection


def seconds_of_a_page(url: str) -> float:
    begun = time.monotonic()
    assert httpx.get(f"{url}/login/", timeout=30).status_code == 200
    return time.monotonic() - begun


def send(connection: socket.socket, data: bytes) -> None:
    try:
        connection.sendall(data)
    except OSError:
        return  # the server has closed it: one caller too many


def test_pages_are_quick_while_callers_are_slow(server):
    seconds_of_a_page(server.url)
    slowest = {}
    for name, sent in SLOW.items():
        with ExitStack() as stack:
            callers = [
                stack.enter_context(caller(server.port, window=4096)) for _ in range(CALLERS)
            ]
            for connection in callers:
                threading.Thread(target=send, args=(connection, sent), daemon=True).start()
            slowest[name] = max(seconds_of_a_page(server.url) for _ in range(8))
    assert {name: s for name, s in slowest.items() if s > LONGEST_PAGE_SECONDS} == {}
    assert server.process.poll() is None


def test_one_address_does_not_take_all_connections(server):
    with ExitStack() as stack:
        callers = [stack.enter_context(caller(server.port)) for _ in range(120)]
        assert seconds_of_a_page(server.url) < LONGEST_PAGE_SECONDS
        assert callers[0].recv(100) == b""
        callers[-1].sendall(b"GET /login/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert callers[-1].recv(12) == b"HTTP/1.1 200"


def test_request_that_drips_is_refused_at_its_deadline(server):
    with caller(server.port) as connection:
        begun = time.monotonic()
        connection.settimeout(0.3)
        connection.sendall(b"GET /login/ HTTP/1.1\r\n")
        answer = b""
        while not answer and time.monotonic() < begun + 60:
            connection.sendall(b"X")
            try:
                answer = connection.recv(100)
            except TimeoutError:
                continue
        assert answer.startswith(b"HTTP/1.1 408")


def responses(connection: socket.socket, count: int) -> list[bytes]:
    """The status lines of so many responses."""
    received = b""
    while received.count(b"HTTP/1.1 ") < count:
        received += connection.recv(65536)
    return [part[:3] for part in received.split(b"HTTP/1.1 ")[1:]]


def test_requests_in_one_piece_are_answered_in_turn(server):
    request = b"GET /login/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    with caller(server.port) as connection:
        connection.sendall(request * 5 + request[:9])
        assert responses(connection, 5) == [b"200"] * 5
        connection.sendall(request[9:])
        assert responses(connection, 1) == [b"200"]


def test_leave_to_send_the_body_is_given_once(server):
    with caller(server.port) as connection:
        connection.sendall(FORM + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"a=b")
        assert responses(connection, 1) == [b"403"]


def test_head_that_never_ends_is_refused(server):
    with caller(server.port) as connection:
        connection.sendall(b"GET /login/ HTTP/1.1\r\nX: " + b"x" * 40_000)
        assert connection.recv(12) == b"HTTP/1.1 431"


@pytest.mark.parametrize("size", [1000, BODY_BYTES, 3_000_000])
@pytest.mark.parametrize("chunked", [True, False])
def test_body_of_any_size_arrives(server, size, chunked):
    pieces = [b"x" * (size // 4)] * 4
    content = iter(pieces) if chunked else b"".join(pieces)
    answer = httpx.post(f"{server.url}/api/usage/collect", content=content, timeout=30)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "AUTH_UNAUTHORIZED"


def test_large_response_reaches_a_slow_reader_whole(server):
    with caller(server.port, window=4096) as slow:
        whole = httpx.get(f"{server.url}/static/admin/js/vendor/xregexp/xregexp.js").content
        slow.sendall(STATIC + b"Connection: close\r\n\r\n")
        received = b""
        while part := slow.recv(4096):
            received += part
            if len(received) < 60_000:
                time.sleep(0.01)
        assert received.endswith(whole)


def test_program_is_refused_in_the_form_of_all_errors(server):
    with caller(server.port) as connection:
        connection.sendall(b"GET /api/usage/history HTTP/1.1\r\nX: " + b"x" * 40_000)
        connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 431")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"] == "VALIDATION_ERROR"
