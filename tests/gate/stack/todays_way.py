"""`python -m tests.gate.stack.todays_way PORT DATABASE`: history as the plan's dashboard reads it.

It fetches the rows of the range with their joins, at most 25,001, and adds them up in a loop. It is
the reference of the gate: it asks of the machine what the plan's baseline did, in the same run as
what is compared with it, and no change of Tollgate moves it.
"""

import json
import sys
import threading
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import psycopg

MOST_ROWS = 25_001
_ROWS = """
SELECT e."timestamp", k.id, k.name, s.model, e.latency_ms, e.total_tokens, s.failed
FROM usage_event AS e
JOIN usage_usageseries AS s ON s.id = e.series_id
LEFT JOIN providers_clientkey AS k ON k.id = e.client_key_id
WHERE e."timestamp" >= %s AND e."timestamp" < %s
ORDER BY e."timestamp" DESC LIMIT %s
"""
_local = threading.local()


def history(address: str, days: int) -> dict[str, Any]:
    """Sums by day, key and model of the newest rows of so many days."""
    if not hasattr(_local, "connection"):
        _local.connection = psycopg.connect(address, autocommit=True)
    end = datetime.now(UTC)
    sums: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for at, key, name, model, latency, tokens, failed in _local.connection.execute(
        _ROWS, [end - timedelta(days=days), end, MOST_ROWS]
    ):
        for group in (f"{at:%Y-%m-%d}", f"{key} {name}", model, f"{key} {model}"):
            held = sums[group]
            held[0] += 1
            held[1] += tokens or 0
            held[2] += failed
            held[3] += latency or 0
    return dict(sums)


class Handler(BaseHTTPRequestHandler):
    """`GET /<days>`."""

    protocol_version = "HTTP/1.1"
    address = ""

    def do_GET(self) -> None:
        body = json.dumps(history(self.address, int(self.path.strip("/")))).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Write nothing."""


def main() -> None:
    Handler.address = sys.argv[2]
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()


if __name__ == "__main__":
    main()
