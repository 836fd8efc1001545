"""How much of a request has arrived: where its head ends, and whether its body is whole.

Only lengths are read here. gunicorn parses the same bytes again and alone decides what they mean,
so that a request which the two take differently can at worst be refused.
"""

import re
from enum import Enum, auto

HEAD_BYTES = 32 * 1024
# Bodies up to this size are held until they are whole; forms and keys are far smaller.
BODY_BYTES = 128 * 1024

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,18})[ \t]*(?=\r\n)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[^\r\n]*chunked", re.IGNORECASE)
_EXPECT = re.compile(rb"\r\nexpect:[ \t]*100-continue[ \t]*(?=\r\n)", re.IGNORECASE)
_NO_CHUNK_SIZE = re.compile(rb"[^0-9a-fA-F]")


class Stage(Enum):
    """What of a request is there."""

    HEAD = auto()  # not all of the head
    BODY = auto()  # not all of a small body
    WHOLE = auto()  # everything, or what cannot be a request
    LARGE = auto()  # the first BODY_BYTES of a larger body
    HEAD_TOO_LARGE = auto()


class Incoming:
    """The bytes of a request, and perhaps of the next, that a connection has sent."""

    def __init__(self, received: bytes = b"") -> None:
        self.received = bytearray(received)
        self._head_end = 0
        self._body_end: int | None = None
        self._next_chunk = 0
        self._is_chunked = False
        self._awaits_continue = False

    def stage(self) -> Stage:
        """Where the request is now."""
        if not self._head_end and not self._read_head():
            return Stage.HEAD if len(self.received) <= HEAD_BYTES else Stage.HEAD_TOO_LARGE
        if self._body_end is None and self._is_chunked:
            self._walk_chunks()
        if self._body_end is not None and self._body_end <= len(self.received):
            return Stage.WHOLE
        is_large = len(self.received) - self._head_end >= BODY_BYTES
        return Stage.LARGE if is_large else Stage.BODY

    def expects_continue(self) -> bool:
        """Whether the caller waits for `100 Continue` before it sends its body; true once."""
        awaits, self._awaits_continue = self._awaits_continue, False
        return awaits

    def _read_head(self) -> bool:
        end = self.received.find(b"\r\n\r\n", 0, HEAD_BYTES)
        if end < 0:
            return False
        # Its caller gets the one `100 Continue` from us, before a thread is there to send it.
        head, found = _EXPECT.subn(b"", bytes(self.received[: end + 4]))
        self.received[: end + 4] = head
        self._awaits_continue = found > 0
        self._head_end = self._next_chunk = len(head)
        self._is_chunked = bool(_CHUNKED.search(head))
        length = _LENGTH.search(head)
        if not self._is_chunked:
            self._body_end = self._head_end + (int(length[1]) if length else 0)
        return True

    def _walk_chunks(self) -> None:
        while (line_end := self.received.find(b"\r\n", self._next_chunk)) >= 0:
            size = bytes(self.received[self._next_chunk : line_end]).partition(b";")[0].strip()
            if not size or _NO_CHUNK_SIZE.search(size):
                self._body_end = len(self.received)  # gunicorn refuses it
                return
            if int(size, 16) == 0:
                trailer_end = self.received.find(b"\r\n\r\n", line_end)
                self._body_end = trailer_end + 4 if trailer_end >= 0 else None
                return
            self._next_chunk = line_end + 2 + int(size, 16) + 2
