"""Bodies of callers: within their budget, their length and their time."""

import io
import socket

import pytest

from management_proxy.proxy.caller_bodies import BodyIncomplete, BodyTooBig, CallerBody


def body(content: bytes, length: int | None, budget: int) -> CallerBody:
    return CallerBody(io.BytesIO(content).read, length, budget, 10)


@pytest.mark.parametrize("length", [None, 200_000])
def test_body_comes_in_bounded_pieces(length):
    pieces = list(body(b"x" * 200_000, length, 200_000).chunks())
    assert b"".join(pieces) == b"x" * 200_000
    assert max(map(len, pieces)) <= 65_536


@pytest.mark.parametrize(
    ("content", "length", "error"),
    [(b"x" * 11, None, BodyTooBig), (b"", 11, BodyTooBig), (b"x" * 9, 10, BodyIncomplete)],
)
def test_wrong_lengths_are_reported(content, length, error):
    with pytest.raises(error):
        body(content, length, 10).whole()


def test_body_that_drips_in_is_given_up_at_its_limit():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"a")
        with pytest.raises(BodyIncomplete):
            CallerBody(
                lambda size: ours.recv(size, socket.MSG_WAITALL), 100, 1000, 0.1, ours
            ).whole()
