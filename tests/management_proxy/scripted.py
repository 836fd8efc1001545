"""An upstream whose every byte a test decides, for what a faithful simulator does not do."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field


@dataclass
class Conversation:
    """One request, and the connection to respond on."""

    connection: socket.socket
    line: str
    headers: dict[str, str]
    rest: bytes

    def body(self) -> Iterator[bytes]:
        """A body with a Content-Length, piece by piece; ends early if the sender does."""
        left = int(self.headers.get("content-length", 0)) - len(self.rest)
        if self.rest:
            yield self.rest
        with contextlib.suppress(ConnectionError):
            while left > 0 and (piece := self.connection.recv(65536)):
                left -= len(piece)
                yield piece

    def send(self, text: str | bytes) -> None:
        self.connection.sendall(text.encode() if isinstance(text, str) else text)

    def respond(self, body: bytes = b"{}", head: str = "") -> None:
        self.send(
            f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{head}Content-Length:"
            f" {len(body)}\r\n\r\n".encode()
            + body
        )

    def is_hung_up(self, seconds: float) -> bool:
        """Wait for the other side to close; whether it did."""
        self.connection.settimeout(seconds)
        try:
            return not self.connection.recv(1)
        except TimeoutError:
            return False
        except ConnectionError:
            return True


Script = Callable[[Conversation], None]


@dataclass
class ScriptedUpstream:
    """Responds to every request by its script, one request a connection unless the script continues
    reading."""

    script: Script
    url: str = ""
    requests: list[str] = field(default_factory=list)

    @property
    def management_url(self) -> str:
        return f"{self.url}/v0/management"

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            received = b""
            while b"\r\n\r\n" not in received:
                if not (piece := connection.recv(65536)):
                    return
                received += piece
            head, _, rest = received.partition(b"\r\n\r\n")
            line, *lines = head.decode("latin-1").split("\r\n")
            self.requests.append(head.decode("latin-1"))
            headers = {
                name.lower(): value.strip()
                for name, _, value in (one.partition(":") for one in lines)
            }
            self.script(Conversation(connection, line, headers, rest))


@contextlib.contextmanager
def scripted_upstream(script: Script) -> Iterator[ScriptedUpstream]:
    upstream = ScriptedUpstream(script)
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
        upstream.url = f"http://127.0.0.1:{listener.getsockname()[1]}"

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    threading.Thread(
                        target=upstream._serve, args=(connection,), daemon=True
                    ).start()

        acceptor = threading.Thread(target=accept, daemon=True)
        acceptor.start()
        yield upstream
        listener.shutdown(socket.SHUT_RDWR)
    acceptor.join(5)
