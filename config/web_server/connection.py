"""A caller's connection between requests and threads."""

import select
import time
from enum import Enum, auto
from typing import Any

from gunicorn.http.parser import RequestParser
from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.gthread import TConn

from config.web_server.caller_socket import CallerSocket
from config.web_server.incoming import Incoming

LARGE_BODY_SECONDS = 60.0
IDLE_BODY_SECONDS = 10.0


class Phase(Enum):
    """What a connection waits for."""

    REQUEST = auto()
    SLOT = auto()  # of those for large bodies
    RESPONSE = auto()  # a thread has it
    READER = auto()  # to take the rest of the response
    END = auto()  # the caller's end of the connection


class GrantedUnreader(SocketUnreader):  # type: ignore[misc]
    """Gives a parser what arrived before; reads the socket itself only until `until`."""

    until = 0.0

    def chunk(self, size_hint: int | None = None) -> bytes:
        """The next bytes, empty at the end. Raises TimeoutError if they do not come in time."""
        left = self.until - time.monotonic()
        if not self.until:
            return b""
        if not self.sock.is_ready(select.POLLIN, min(left, IDLE_BODY_SECONDS)):
            raise TimeoutError("the body did not arrive in time")
        return bytes(super().chunk(size_hint))


class Connection(TConn):  # type: ignore[misc]
    """gunicorn's connection with what the worker knows of it."""

    sock: CallerSocket

    def __init__(self, cfg: Any, sock: CallerSocket, client: Any, server: Any) -> None:
        super().__init__(cfg, sock, client, server)
        self.address = client[0] if isinstance(client, tuple) else ""
        self.incoming = Incoming()
        self.phase = Phase.REQUEST
        self.since = self.deadline = 0.0
        self.is_kept = self.is_large = False
        self.data_ready = True
        self.parser = RequestParser(cfg, sock, client)
        self.parser.unreader = GrantedUnreader(sock)

    def init(self) -> None:
        """Nothing is left to do in a thread."""

    def enter(self, phase: Phase, seconds: float) -> None:
        """Begin to wait."""
        self.phase, self.since = phase, time.monotonic()
        self.deadline = self.since + seconds

    def give_to_parser(self) -> None:
        """Pass on what arrived; of a large body the parser may read the rest itself."""
        self.parser.unreader.unread(bytes(self.incoming.received))
        self.parser.unreader.until = time.monotonic() + LARGE_BODY_SECONDS if self.is_large else 0.0
        self.incoming = Incoming()

    def take_from_parser(self) -> None:
        """Take back what belongs to the next request."""
        self.incoming = Incoming(self.parser.unreader.take_buffered())
