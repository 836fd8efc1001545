"""How fast a backlog is drained into events and rollups, and how much memory that takes: `make bench-drain`.

A collector process of its own drains a simulated upstream on the same machine; the clock runs from its start to its end.
"""

import json
import subprocess
import sys
import time

import httpx
import psutil

from management_proxy.simulator import running_simulator
from tests.bench.arena import ROOT, arena

EVENTS = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000


def main() -> None:
    with arena() as environment, running_simulator(retention=3600, statistics=True) as simulator:
        httpx.post(f"{simulator.url}/__control/generate", json={"events": EVENTS, "spread": 86_400}, timeout=120).raise_for_status()
        environment |= {"CLIPROXYAPI_MANAGEMENT_URL": simulator.management_url, "MANAGEMENT_API_KEY": simulator.key, "COLLECTOR_TIME_BUDGET_SECONDS": "600"}
        started = time.monotonic()
        process = subprocess.Popen([sys.executable, "manage.py", "collect_usage", "--json"], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
        largest = 0
        watched = psutil.Process(process.pid)
        while process.poll() is None:
            try:
                largest = max(largest, watched.memory_info().rss)
            except psutil.NoSuchProcess:
                break
            time.sleep(0.05)
        elapsed = time.monotonic() - started
        run = json.loads(process.communicate()[0])
        from django.db.models import Sum

        from usage.models import UsageDaily, UsageEvent, UsageHourly

        sums = [table.objects.aggregate(n=Sum("attempts"))["n"] for table in (UsageHourly, UsageDaily)]
        assert UsageEvent.objects.count() == run["stored"] == EVENTS == sums[0] == sums[1], (run, sums)
    print("| events | seconds in all | events/s in all | events/s of the run | collector's memory |\n| --- | --- | --- | --- | --- |")
    print(f"| {EVENTS:,} | {elapsed:.1f} | {EVENTS / elapsed:,.0f} | {EVENTS / run['durationMs'] * 1000:,.0f} | {largest / 2**20:.0f} MiB |")


if __name__ == "__main__":
    main()
