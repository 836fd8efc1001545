"""Where requests end, however their bytes are cut into pieces."""

import pytest

from config.web_server.incoming import BODY_BYTES, HEAD_BYTES, Incoming, Stage

HEAD = b"POST /login/ HTTP/1.1\r\nHost: x\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
WHOLE = (
    b"GET / HTTP/1.1\r\n\r\n",
    HEAD + b"Content-Length: 3\r\n\r\na=b",
    HEAD + b"content-length:3\r\n\r\na=b",
    HEAD + b"Content-Length: 0\r\n\r\n",
    CHUNKED + b"3\r\na=b\r\n0\r\n\r\n",
    CHUNKED + b"3;name=value\r\na=b\r\n1\r\nc\r\n0\r\n\r\n",
    CHUNKED + b"0\r\nDigest: x\r\n\r\n",
)


@pytest.mark.parametrize("request_bytes", WHOLE)
def test_request_is_whole_with_its_last_byte(request_bytes):
    incoming = Incoming()
    for place in range(len(request_bytes) - 1):
        incoming.received += request_bytes[place : place + 1]
        assert incoming.stage() in (Stage.HEAD, Stage.BODY)
    incoming.received += request_bytes[-1:]
    assert incoming.stage() is Stage.WHOLE


@pytest.mark.parametrize("request_bytes", WHOLE)
def test_next_request_may_follow_at_once(request_bytes):
    assert Incoming(request_bytes * 2).stage() is Stage.WHOLE


@pytest.mark.parametrize("size", [b"z", b"-1", b"", b"0x3"])
def test_what_is_no_chunk_waits_for_nothing(size):
    assert Incoming(CHUNKED + size + b"\r\n").stage() is Stage.WHOLE


@pytest.mark.parametrize(
    "head", [HEAD + b"Content-Length: 99999999\r\n\r\n", CHUNKED + b"fffffff\r\n"]
)
def test_large_body_is_large_once_so_much_of_it_is_there(head):
    incoming = Incoming(head + b"x" * (BODY_BYTES // 2))
    assert incoming.stage() is Stage.BODY
    incoming.received += b"x" * (BODY_BYTES // 2)
    assert incoming.stage() is Stage.LARGE


def test_head_without_an_end_is_too_large():
    assert Incoming(HEAD + b"x" * HEAD_BYTES).stage() is Stage.HEAD_TOO_LARGE


def test_caller_that_waits_for_leave_gets_it_once():
    incoming = Incoming(HEAD + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\n")
    assert incoming.stage() is Stage.BODY
    assert incoming.expects_continue()
    assert not incoming.expects_continue()
    incoming.received += b"a=b"
    assert incoming.stage() is Stage.WHOLE
    assert bytes(incoming.received) == HEAD + b"Content-Length: 3\r\n\r\na=b"
