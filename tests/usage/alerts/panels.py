"""The dashboard's panels over the metrics of the test's process, by a real Prometheus."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from monitoring.api.recent import shared_findings
from monitoring.metrics.registry import exposition
from monitoring.metrics.shared import flush
from tests.deploy.prometheus import expressions_of, running_prometheus, samples_of
from tests.processes import eventually

EVERY = "250ms"


class Panels:
    """What Prometheus scrapes, which stays the same until it is taken anew, and what it shows."""

    def __init__(self) -> None:
        self.url = ""
        self.text = b""
        self._scrapes = 0
        self._scraped = threading.Condition()

    def take(self) -> None:
        """Have the present metrics scraped, not what was found seconds ago."""
        shared_findings.forget()
        flush()
        self.show(exposition())

    def show(self, text: bytes) -> None:
        """Have such metrics scraped, once for certain."""
        with self._scraped:
            self.text = text
            wanted = self._scrapes + 2  # the one under way may have begun before
            assert self._scraped.wait_for(lambda: self._scrapes >= wanted, 20)

    def await_sample(self, title: str, labels: dict[str, str], least: float, most: float) -> None:
        """Return when the panel shows a value in a range for such labels."""

        def shows() -> bool:
            return any(
                labels.items() <= found.items() and least <= value <= most
                for expression in expressions_of(title)
                for found, value in samples_of(self.url, expression)
            )

        eventually(shows)

    def serve(self) -> bytes:
        """What is scraped now."""
        with self._scraped:
            self._scrapes += 1
            self._scraped.notify_all()
            return self.text


@contextmanager
def running_panels(folder: Path) -> Iterator[Panels]:
    """A Prometheus that scrapes this process four times a second."""
    panels = Panels()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            text = panels.serve()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *arguments: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        with running_prometheus(folder, f"127.0.0.1:{server.server_port}", EVERY) as url:
            panels.url = url
            yield panels
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
