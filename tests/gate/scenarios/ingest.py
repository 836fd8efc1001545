"""Events at a steady rate: how long until they are stored, and what that takes."""

import time

from tests.bench.arena import percentile
from tests.gate.load import Gate, paced
from tests.gate.scenarios import exactness
from tests.gate.scenarios.watch import memory_mib
from tests.gate.stack.upstream import RETENTION_SECONDS


def run(
    gate: Gate, seconds: float = 15.0, rate: float = 300.0, retention: int = RETENTION_SECONDS
) -> None:
    """Offer and watch; the lag of an instant is the time until all that was offered by then is
    stored, or the time that was waited for it in vain. `retention` is the upstream's, in
    seconds."""
    upstream = gate.stack.upstream
    upstream.control("settings", {"retention": retention})
    offered: list[tuple[float, int]] = []
    lags: list[float] = []
    base = exactness.stored(gate) - upstream.delivered()
    upstream.control("settings", {"bulk_rate": rate})
    for _ in paced(seconds, 0.5):
        offered.append((time.monotonic(), upstream.delivered() + upstream.state()["queued"]))
        _note_stored(offered, lags, exactness.stored(gate) - base)
    upstream.control("settings", {"bulk_rate": 0})
    for _ in paced(20.0, 0.2):
        _note_stored(offered, lags, exactness.stored(gate) - base)
        if not offered:
            break
    lags += [time.monotonic() - at for at, _ in offered]
    gate.record.figure("ingest.lag_p95_s", percentile(lags, 95))
    largest = max(memory_mib([collector]) for collector in gate.stack.collectors)
    gate.record.figure("ingest.collector_mib", largest)
    exactness.check(gate, "ingest")
    upstream.control("settings", {"retention": RETENTION_SECONDS})


def _note_stored(offered: list[tuple[float, int]], lags: list[float], stored: int) -> None:
    now = time.monotonic()
    while offered and offered[0][1] <= stored:
        lags.append(now - offered.pop(0)[0])
