"""A real CLIProxyAPI on loopback with a provider behind it, where `CLIPROXYAPI_BINARY` names
one."""

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx

from tests.processes import eventually, free_port

BINARY = os.environ.get("CLIPROXYAPI_BINARY", "")
# In the words of a chat, it has the provider refuse it.
REFUSED = "refuse-this"
KEY = "real-management-key"
CLIENT = {"Authorization": "Bearer sk-client-one-0123456789"}
CONFIGURATION = """
host: "127.0.0.1"
port: {port}
auth-dir: "{home}/auths"
remote-management: {{allow-remote: false, secret-key: "", disable-control-panel: true}}
api-keys: ["sk-client-one-0123456789"]
usage-statistics-enabled: true
redis-usage-queue-retention-seconds: {retention}
disable-cooling: true
openai-compatibility:
  - name: relay
    base-url: "{ai}/v1"
    api-key-entries: [{{api-key: sk-relay-0123456789abcdef}}]
    models: [{{name: glm-4.7, alias: glm}}]
"""


class Provider(BaseHTTPRequestHandler):
    """Responds to every chat with three tokens, or refuses it if it says so."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        said = self.rfile.read(int(self.headers["Content-Length"]))
        usage = {"prompt_tokens": 2, "completion_tokens": 1, "total_tokens": 3}
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": "ok"},
            "finish_reason": "stop",
        }
        body = json.dumps(
            {
                "id": "1",
                "object": "chat.completion",
                "created": 1,
                "model": "glm-4.7",
                "choices": [choice],
                "usage": usage,
            }
        ).encode()
        self.send_response(400 if REFUSED.encode() in said else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


class Server:
    """The real server with its provider, to be restarted at will."""

    def __init__(self, home: Path, ai: str, retention: int = 3600) -> None:
        self.port = free_port()
        (home / "auths").mkdir()
        (home / "config.yaml").write_text(
            CONFIGURATION.format(port=self.port, home=home, ai=ai, retention=retention)
        )
        self.home, self.url = home, f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        environment = {**os.environ, "MANAGEMENT_PASSWORD": KEY, "HOME": str(self.home)}
        arguments = [BINARY, "-config", "config.yaml", "-local-model"]
        self.process = subprocess.Popen(
            arguments,
            cwd=self.home,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        eventually(self._answers)

    def _answers(self) -> bool:
        """Whether it knows its models, which takes longer than to be healthy."""
        try:
            return "glm" in httpx.get(f"{self.url}/v1/models", headers=CLIENT).text
        except httpx.TransportError:
            return False

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()

    def chat(self, times: int, words: str = "x") -> None:
        for _ in range(times):
            httpx.post(
                f"{self.url}/v1/chat/completions",
                headers=CLIENT,
                json={"model": "glm", "messages": [{"role": "user", "content": words}]},
                timeout=30,
            )

    def switch_statistics(self, *, on: bool) -> None:
        """Takes effect within a second, when the server has read its file again."""
        httpx.put(
            f"{self.url}/v0/management/usage-statistics-enabled",
            headers={"X-Management-Key": KEY},
            json={"value": on},
        ).raise_for_status()


@contextmanager
def real_server(home: Path, retention: int = 3600) -> Iterator[Server]:
    """A running server with its provider."""
    provider = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    threading.Thread(target=provider.serve_forever, daemon=True).start()
    try:
        server = Server(home, f"http://127.0.0.1:{provider.server_port}", retention)
        yield server
        server.stop()
    finally:
        provider.shutdown()
        provider.server_close()
