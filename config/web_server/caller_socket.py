"""The connection to a caller, as the thread that responds sees it: writing does not wait for the
reader.

What the kernel does not take at once is kept, up to MOST_UNSENT bytes, and sent by the worker's
loop after the thread has gone. Only a response larger than that holds its thread for its reader:
a few such at a time patiently, others hardly. The socket never blocks; the limits that are set on
it are heeded here.
"""

import errno
import select
import socket
import threading
import time
from typing import Any

MOST_UNSENT = 512 * 1024
READER_SECONDS = 30.0
IMPATIENT_SECONDS = 2.0


class CallerSocket(socket.socket):
    """An accepted connection; `patience` counts the threads that may wait for a slow reader."""

    def __init__(self, accepted: socket.socket, patience: threading.Semaphore) -> None:
        super().__init__(fileno=accepted.detach())
        super().setblocking(False)
        self.unsent = bytearray()
        self._patience = patience
        self._limit: float | None = None

    def setblocking(self, flag: bool, /) -> None:
        """Forget the limit of waits, if `flag` is true."""
        self._limit = None if flag else 0.0

    def settimeout(self, value: float | None, /) -> None:
        """Limit waits for the reader to so many seconds."""
        self._limit = value

    def gettimeout(self) -> float | None:
        """The limit of waits in seconds, None without one."""
        return self._limit

    def sendall(self, data: Any, flags: int = 0, /) -> None:
        """Send or keep the data. Raises BrokenPipeError for a reader that is too slow."""
        self.unsent += data
        self.send_unsent()
        if len(self.unsent) > MOST_UNSENT:
            self._wait_for_reader()

    def send_unsent(self) -> None:
        """Send what the kernel takes now."""
        try:
            while self.unsent:
                del self.unsent[: self.send(self.unsent)]
        except BlockingIOError:
            return

    def is_ready(self, event: int, seconds: float) -> bool:
        """Whether `select.POLLIN` or `POLLOUT` holds within so many seconds."""
        poller = select.poll()
        poller.register(self, event)
        return bool(poller.poll(max(0.0, seconds) * 1000))

    def _wait_for_reader(self) -> None:
        is_patient = self._patience.acquire(blocking=False)
        try:
            seconds = (self._limit or READER_SECONDS) if is_patient else IMPATIENT_SECONDS
            deadline = time.monotonic() + seconds
            while len(self.unsent) > MOST_UNSENT:
                if not self.is_ready(select.POLLOUT, deadline - time.monotonic()):
                    raise BrokenPipeError(errno.EPIPE, "the reader is too slow")
                self.send_unsent()
        finally:
            if is_patient:
                self._patience.release()
