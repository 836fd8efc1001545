"""The RESP side of the port: pop, subscribe, and every error text (contract 4)."""

import contextlib
import socket
import threading
from collections.abc import Callable
from typing import BinaryIO

from management_proxy.simulator.http.wire import parse_go_int
from management_proxy.simulator.profiles import SUBSCRIBE_SINCE, SUPPORT_REFRESH_SINCE
from management_proxy.simulator.state import State
from management_proxy.simulator.traffic.queue import CHANNELS, Subscriber

FIRST_BYTES = b"*$+-:"
OK = b"+OK\r\n"
NIL = b"$-1\r\n"
GREETING = b'{"support_refresh":true}'
MOST_ELEMENTS = 1024 * 1024


class ProtocolError(Exception):
    """What came is no RESP array."""


def bulk(payload: bytes) -> bytes:
    return b"$%d\r\n%b\r\n" % (len(payload), payload)


def array(items: list[bytes]) -> bytes:
    return b"*%d\r\n%b" % (len(items), b"".join(items))


def failure(text: str) -> bytes:
    return f"-{text}\r\n".encode("utf-8", "replace")


def wrong_arity(command: str) -> bytes:
    return failure(f"ERR wrong number of arguments for '{command}' command")


def read_command(stream: BinaryIO) -> list[bytes] | None:
    """Return one command's words, or None when the peer has closed."""
    line = stream.readline(64 * 1024)
    if not line:
        return None
    count = _number(line, b"*")
    if not -1 <= count <= MOST_ELEMENTS:
        raise ProtocolError
    return [_read_word(stream) for _ in range(max(count, 0))]


def _number(line: bytes, mark: bytes) -> int:
    number = parse_go_int(line[1:].strip().decode("latin-1"))
    if line[:1] != mark or number is None:
        raise ProtocolError
    return number


def _read_word(stream: BinaryIO) -> bytes:
    line = stream.readline(64 * 1024)
    if line[:1] in (b"+", b":"):
        return line[1:].rstrip(b"\r\n")
    length = _number(line, b"$")
    if length < 0:
        return b""
    word = stream.read(length + 2)
    if len(word) != length + 2 or not word.endswith(b"\r\n"):
        raise ProtocolError
    return word[:-2]


class Session:
    """One RESP connection, from its first byte to its end."""

    def __init__(self, connection: socket.socket, address: str, state: Callable[[], State]) -> None:
        self._connection = connection
        self._stream = connection.makefile("rb")
        self._address = address
        self._state = state
        self._is_authenticated = False
        self._subscriber: Subscriber | None = None
        self._sending = threading.Lock()
        self._is_open = True

    def serve(self) -> None:
        if not self._state().queue.management_enabled:
            return
        try:
            self._converse()
        except ProtocolError:
            with contextlib.suppress(OSError):
                self._send(failure("ERR protocol error"))
        finally:
            if self._subscriber:
                self._state().queue.unsubscribe(self._subscriber)
            self._stream.close()

    def _converse(self) -> None:
        while self._is_open:
            words = read_command(self._stream)
            if words is None:
                return
            self._send(self._reply(words))
            self._start_pushing()

    def _send(self, payload: bytes) -> None:
        with self._sending:
            self._connection.sendall(payload)

    def _reply(self, words: list[bytes]) -> bytes:
        self._state().settle()
        if not words:
            return failure("ERR empty command")
        command = words[0].decode("utf-8", "replace").lower()
        if self._subscriber:
            return self._reply_to_subscriber(command, words)
        if command == "auth":
            return self._authenticate(words)
        if not self._is_authenticated:
            return self._refuse()
        if command in ("lpop", "rpop"):
            return self._pop(command, words)
        if command == "subscribe" and self._state().profile.since(SUBSCRIBE_SINCE):
            return self._subscribe(words)
        return failure(f"ERR unknown command '{command}'")

    def _refuse(self) -> bytes:
        bans = self._state().bans
        banned = bans.refusal(self._address)
        if banned:
            return failure(f"ERR {banned}")
        bans.note_failure(self._address)
        return failure("NOAUTH Authentication required.")

    def _authenticate(self, words: list[bytes]) -> bytes:
        if len(words) not in (2, 3):
            self._state().bans.note_failure(self._address)
            return wrong_arity("auth")
        refusal = self._state().gate.refusal(self._address, words[-1].decode("utf-8", "replace"))
        if refusal:
            return failure(f"ERR {refusal[1]}")
        self._is_authenticated = True
        return OK

    def _pop(self, command: str, words: list[bytes]) -> bytes:
        if len(words) not in (2, 3):
            return wrong_arity(command)
        channel = words[1].decode("utf-8", "replace")
        if channel.strip().lower() != "usage":
            return failure(f"ERR unsupported channel '{channel}'")
        queue = self._state().queue
        if len(words) == 2:
            taken = queue.pop(1)
            return bulk(taken[0]) if taken else NIL
        count = parse_go_int(words[2].decode("latin-1").strip())
        if count is None or count <= 0:
            return failure("ERR value is not an integer or out of range")
        return array([bulk(payload) for payload in queue.pop(count)])

    def _subscribe(self, words: list[bytes]) -> bytes:
        if len(words) != 2:
            return wrong_arity("subscribe")
        name = words[1].decode("utf-8", "replace")
        channel = name.strip().lower()
        if channel not in CHANNELS:
            return failure(f"ERR unsupported channel '{name}'")
        state = self._state()
        greets = channel == "usage" and state.profile.since(SUPPORT_REFRESH_SINCE)
        self._subscriber = Subscriber(channel)
        self._is_pushing = False
        state.queue.subscribe(self._subscriber, GREETING if greets else None)
        return array([bulk(b"subscribe"), bulk(name.strip().encode()), b":1\r\n"])

    def _start_pushing(self) -> None:
        if self._subscriber and not self._is_pushing:
            self._is_pushing = True
            threading.Thread(target=self._push, args=(self._subscriber,), daemon=True).start()

    def _push(self, subscriber: Subscriber) -> None:
        """Write messages as they come; once dropped, what is buffered, and then close."""
        head = array([bulk(b"message"), bulk(subscriber.channel.encode())]).replace(b"*2", b"*3", 1)
        try:
            while True:
                message = subscriber.take()
                if message is None:
                    break
                self._send(head + bulk(message))
        except OSError:
            self._state().queue.unsubscribe(subscriber)
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)

    def _reply_to_subscriber(self, command: str, words: list[bytes]) -> bytes:
        if command == "ping":
            return array([bulk(b"pong"), bulk(words[1]) if len(words) > 1 else NIL])
        if command == "unsubscribe":
            self._is_open = False
            channel = self._subscriber.channel if self._subscriber else ""
            return array([bulk(b"unsubscribe"), bulk(channel.encode()), b":0\r\n"])
        if command == "quit":
            self._is_open = False
            return OK
        return failure(f"ERR unknown command '{command}'")
