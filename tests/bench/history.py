"""How long `GET /api/usage/history` takes over 30 days with 100,000 events, nothing cached: `make bench-history`.

Real gunicorn, real HTTP, one client; every question differs from the one before.
"""

import random
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import httpx

from tests.bench.arena import ROOT, arena, percentile

EVENTS = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
DAYS = 30
QUESTIONS = 200


def fill() -> None:
    """Put generated history through the real ingest."""
    from management_proxy.simulator import running_simulator
    from management_proxy.upstreams import client_for
    from tests.factories import make_upstream
    from usage.attribution import Attribution
    from usage.ingest import ingest

    with running_simulator(retention=3600, statistics=True) as simulator:
        upstream = make_upstream(management_url=simulator.management_url)
        upstream.store_key(simulator.key)
        upstream.save()
        body = {"events": EVENTS, "spread": DAYS * 86_400}
        httpx.post(f"{simulator.url}/__control/generate", json=body, timeout=300).raise_for_status()
        attribution, client = Attribution(upstream), client_for(upstream)
        while True:
            chunks: list[bytes] = []
            client.pop_usage(5000, chunks.append)
            page = b"".join(chunks)
            if page.strip() == b"[]":
                return
            ingest(page, str(time.monotonic()), upstream, attribution)


def ask(url: str) -> list[float]:
    from django.contrib.auth.models import User

    User.objects.create_superuser("bench", "", "bench-password")
    chance = random.Random(1)
    took = []
    with httpx.Client(base_url=url, timeout=60) as http:
        token = http.get("/login/").cookies["csrftoken"]
        http.post("/login/", data={"username": "bench", "password": "bench-password", "csrfmiddlewaretoken": token})
        today = datetime.now(UTC).date()
        for number in range(QUESTIONS + 5):
            last = today - timedelta(days=chance.randrange(3))
            started = time.perf_counter()
            answer = http.get("/api/usage/history", params={"from": str(last - timedelta(days=DAYS - 1)), "to": str(last)})
            if number >= 5:
                took.append((time.perf_counter() - started) * 1000)
            assert answer.status_code == 200, answer.text
    return took


def main() -> None:
    with arena() as environment:
        fill()
        from django.db import connection

        from usage.models import UsageDaily, UsageEvent

        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
        counts = UsageEvent.objects.count(), UsageDaily.objects.count()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command = [
            sys.executable,
            "-m",
            "gunicorn",
            "config.wsgi",
            "--bind",
            f"127.0.0.1:{port}",
            "--worker-class",
            "gthread",
            "--threads",
            "8",
            "--log-level",
            "error",
        ]
        server = subprocess.Popen(command, cwd=ROOT, env=environment)
        try:
            wait_for(port)
            took = ask(f"http://127.0.0.1:{port}")
        finally:
            server.terminate()
            server.wait()
    print("| events | daily rollup rows | questions | p50 ms | p95 ms | p99 ms |\n| --- | --- | --- | --- | --- | --- |")
    print(f"| {counts[0]:,} | {counts[1]:,} | {len(took)} | {percentile(took, 50):.1f} | {percentile(took, 95):.1f} | {percentile(took, 99):.1f} |")


def wait_for(port: int) -> None:
    for _ in range(300):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit("the web server did not start")


if __name__ == "__main__":
    main()
