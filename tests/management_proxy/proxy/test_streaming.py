"""The proxy in the real web server: bytes both ways, cut connections, callers who leave."""

import hashlib
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from management_proxy.models import Upstream
from management_proxy.simulator import running_simulator
from management_proxy.simulator.logs import ErrorLog
from monitoring.models import AuditEntry
from tests.factories import give_key, make_upstream
from tests.management_proxy.proxied import URL, browser, fault, wait_until
from tests.management_proxy.scripted import Conversation, ScriptedUpstream, scripted_upstream
from tests.web_server import WebServer, web_server

pytestmark = pytest.mark.django_db(transaction=True)
NAME = "error-v1-chat-completions-2026-11-23T172843-949ae9ce.log"


@pytest.fixture(scope="module")
def server(django_db_setup, django_db_blocker, tmp_path_factory) -> Iterator[WebServer]:
    with django_db_blocker.unblock(), web_server(tmp_path_factory.mktemp("web")) as server:
        yield server


@contextmanager
def scripted(script) -> Iterator[ScriptedUpstream]:
    with scripted_upstream(script) as upstream:
        make_upstream(name="scripted", management_url=upstream.management_url)
        yield upstream


@pytest.fixture
def simulator() -> Iterator:
    with running_simulator(key="management-key-for-tests") as simulator:
        upstream: Upstream = make_upstream(name="default", management_url=simulator.management_url)
        give_key(upstream, simulator.key)
        upstream.save()
        yield simulator


def test_download_passes_byte_for_byte_also_in_parts(server, simulator):
    content = os.urandom(3_000_000)
    simulator.app.state.logs.errors = [ErrorLog(NAME, content, 1795426123)]
    with browser(server) as staff:
        staff.headers["X-Tollgate-Reveal"] = "secrets"
        whole = staff.get(f"request-error-logs/{NAME}")
        part = staff.get(f"request-error-logs/{NAME}", headers={"Range": "bytes=1000-1999"})
    assert whole.content == content
    assert whole.headers["Content-Disposition"] == f'attachment; filename="{NAME}"'
    assert (whole.headers["Content-Length"], whole.headers["Accept-Ranges"]) == ("3000000", "bytes")
    assert (part.status_code, part.content, part.headers["Content-Range"]) == (
        206,
        content[1000:2000],
        "bytes 1000-1999/3000000",
    )


def test_log_passes_piece_by_piece_without_its_secrets(server, simulator):
    """A part of it would begin anywhere, so that it comes whole."""
    line = b'{"prompt": "\xff hello", "key": "sk-ant-0123456789abcdef"}\n'
    simulator.app.state.logs.errors = [ErrorLog(NAME, line * 20_000, 1795426123)]
    with browser(server) as staff:
        response = staff.get(
            f"request-error-logs/{NAME}", headers={"Range": "bytes=30-999", "If-Range": "x"}
        )
    assert response.status_code == 200
    assert not {"content-length", "accept-ranges"} & response.headers.keys()
    assert response.content == line.replace(b"sk-ant-0123456789abcdef", "…cdef".encode()) * 20_000


@pytest.mark.parametrize("is_chunked", [False, True])
def test_upload_passes_byte_for_byte(server, is_chunked):
    content = os.urandom(2_000_000)
    seen = []

    def script(call: Conversation) -> None:
        if is_chunked:
            received = call.rest
            while not received.endswith(b"0\r\n\r\n"):
                received += call.connection.recv(65536)
            body = b"".join(_unchunked(received))
        else:
            body = b"".join(call.body())
        seen.append((hashlib.sha256(body).digest(), call.headers))
        call.respond(b'{"status":"ok"}')

    with scripted(script), browser(server) as staff:
        pieces = (content[at : at + 70_000] for at in range(0, len(content), 70_000))
        response = staff.post(
            "auth-files?name=a.json",
            content=pieces if is_chunked else content,
            headers={"Content-Type": "multipart/form-data; boundary=x"},
        )
    assert response.json() == {"status": "ok"}
    digest, headers = seen[0]
    assert digest == hashlib.sha256(content).digest()
    assert headers["content-type"] == "multipart/form-data; boundary=x"
    assert ("content-length" in headers) is not is_chunked
    assert not {"cookie", "x-csrftoken", "x-forwarded-for"} & headers.keys()
    assert headers["authorization"] == "Bearer management-key"


def _unchunked(received: bytes) -> Iterator[bytes]:
    while received:
        size, _, received = received.partition(b"\r\n")
        yield received[: int(size, 16)]
        received = received[int(size, 16) + 2 :]


def test_chunked_body_over_its_budget_is_cut_off_while_it_comes(server):
    """No Content-Length shows that it is too large; the upstream never gets the whole of it."""
    ends = []

    def script(call: Conversation) -> None:
        received = call.rest
        while piece := call.connection.recv(65536):
            received = received[-10:] + piece
        ends.append(received[-5:])

    with scripted(script), browser(server) as staff:
        response = staff.post("auth-files?name=a.json", content=(b"x" * 65536 for _ in range(300)))
        assert (response.status_code, response.json()["error"]["code"]) == (413, "BODY_TOO_LARGE")
        wait_until(lambda: ends)
    assert ends[0] != b"0\r\n\r\n"
    assert AuditEntry.objects.get().outcome == "refused"


def test_download_that_breaks_midway_is_cut_and_the_reason_logged(server, simulator):
    simulator.app.state.logs.errors = [ErrorLog(NAME, b"y" * 1_000_000, 1795426123)]
    fault(simulator, "cut_body", NAME, bytes=500_000)
    with browser(server) as staff, pytest.raises(httpx.RemoteProtocolError):
        staff.get(f"request-error-logs/{NAME}")
    wait_until(lambda: "outcome=cut" in server.log())
    assert "reason=the connection broke" in server.log()
    assert "Traceback" not in server.log()


def test_response_over_its_budget_is_cut_while_it_comes(server):
    def script(call: Conversation) -> None:
        call.send(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding:"
            " chunked\r\n\r\n"
        )
        for _ in range(70):
            call.send(b"100000\r\n" + b"z" * 0x100000 + b"\r\n")
        call.send("0\r\n\r\n")

    with scripted(script), browser(server) as staff:
        received: list[int] = []
        with (
            pytest.raises(httpx.RemoteProtocolError),
            staff.stream("GET", "auth-files") as response,
        ):
            received.extend(map(len, response.iter_raw()))
    assert sum(received) <= 64 * 2**20
    wait_until(lambda: "reason=the response exceeds 67108864 bytes" in server.log())


@pytest.mark.parametrize("path", ["debug", "auth-files"])
@pytest.mark.parametrize("has_begun", [False, True])
def test_caller_who_leaves_ends_the_upstream_call(server, path, has_begun):
    """Long before any limit: those are 10 and 30 seconds."""
    requested, hung_up = threading.Event(), []

    def script(call: Conversation) -> None:
        if has_begun:
            call.send('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"debug"')
        requested.set()
        hung_up.append(call.is_hung_up(5))

    with scripted(script), browser(server) as staff:
        caller = threading.Thread(target=_call_and_leave, args=(staff, path, requested))
        caller.start()
        caller.join()
        wait_until(lambda: hung_up)
    assert hung_up == [True]
    wait_until(lambda: server.log().count("outcome=caller_left") > 0)


def _call_and_leave(staff: httpx.Client, path: str, requested: threading.Event) -> None:
    with socket.create_connection(("127.0.0.1", staff.base_url.port or 0)) as connection:
        cookies = "; ".join(f"{name}={value}" for name, value in staff.cookies.items())
        connection.sendall(
            f"GET {URL}{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {cookies}\r\n\r\n".encode()
        )
        assert requested.wait(60)


def test_caller_who_leaves_during_an_upload_ends_the_upstream_call(server):
    begun, ended = threading.Event(), []

    def script(call: Conversation) -> None:
        received = 0
        for piece in call.body():
            begun.set()
            received += len(piece)
        ended.append(received)

    def pieces() -> Iterator[bytes]:
        yield b"x" * 200_000
        assert begun.wait(60)
        raise ZeroDivisionError

    with scripted(script), browser(server) as staff:
        with pytest.raises(ZeroDivisionError):
            staff.post(
                "auth-files?name=a.json", content=pieces(), headers={"Content-Length": "1000000"}
            )
        wait_until(lambda: ended)
        wait_until(lambda: AuditEntry.objects.get().outcome == "unknown")
    assert ended[0] < 1_000_000


def test_targets_are_read_as_they_stood_in_the_request_line(server):
    """Only the undecoded line distinguishes an encoded separator from a plain one."""
    with (
        scripted(lambda call: call.respond(b"{}")) as upstream,
        browser(server) as staff,
    ):
        for target in (
            "auth-files%2fdownload",
            "routing%2Fstrategy",
            "%2e%2e/debug",
            "..%2fdebug",
            "debug%00",
            "de%62ug/",
            "debug%3fa=1",
        ):
            response = staff.send(_request_of(staff, target))
            assert (response.status_code, response.json()["error"]["code"]) == (
                400,
                "PATH_MALFORMED",
            ), target
        assert staff.send(_request_of(staff, "de%62ug")).status_code == 200
    assert [line.split("\r\n")[0] for line in upstream.requests] == [
        "GET /v0/management/debug HTTP/1.1"
    ]


def _request_of(staff: httpx.Client, target: str) -> httpx.Request:
    request = staff.build_request("GET", "debug")
    request.url = request.url.copy_with(raw_path=(URL + target).encode())
    return request
