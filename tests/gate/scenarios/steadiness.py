"""Whether a long load stays as it began: latency against the reference, memory, CPU.

Time is cut into slices. A slice's median of history by its median of the reference is one round;
the first quarter, in which processes warm up, counts for no slope.
"""

from statistics import median

import psutil

from tests.bench.arena import percentile
from tests.gate.load import Gate
from tests.gate.scenarios.watch import slope_per_hour

SLICES = 6
OURS, REFERENCE = "all: history", "all: reference"


def judge(gate: Gate, name: str, began: float, seconds: float) -> None:
    """The figures `<name>.…` of what ran from `began` on."""
    record, warm = gate.record, began + seconds / 4
    rounds = _rounds(gate, began, seconds)
    record.rounds(f"{name}.history_of_reference", rounds)
    record.figure(f"{name}.slower_at_the_end", median(rounds[-2:]) / median(rounds[:2]))
    took = [c.seconds for c in record.calls if c.at >= began and c.kind == OURS]
    record.figure(f"{name}.p95_history_ms", 1000 * percentile(took, 95))
    for kind, parts in (("web", gate.stack.sites), ("collector", gate.stack.collectors)):
        series = [record.samples.get(f"memory {part.name}", []) for part in parts]
        late = [[sample for sample in one if sample[0] >= warm] for one in series]
        record.figure(f"{name}.{kind}_mib", max(value for one in late for _, value in one))
        record.figure(f"{name}.{kind}_mib_per_hour", max(map(slope_per_hour, late)))
    record.figure(f"{name}.cpu_percent", _cpu_percent(gate, warm))


def _rounds(gate: Gate, began: float, seconds: float) -> list[float]:
    slices: list[dict[str, list[float]]] = [{OURS: [], REFERENCE: []} for _ in range(SLICES)]
    for call in gate.record.calls:
        number = int((call.at - began) / seconds * SLICES)
        if call.kind in (OURS, REFERENCE) and 0 <= number < SLICES:
            slices[number][call.kind].append(call.seconds)
    # On a starved machine a slice may lack either.
    whole = [one for one in slices if one[OURS] and one[REFERENCE]]
    return [median(one[OURS]) / median(one[REFERENCE]) for one in whole]


def _cpu_percent(gate: Gate, since: float) -> float:
    """Of all cores, by web and collectors together."""
    series = [s for name, s in gate.record.samples.items() if name.startswith("CPU ")]
    means = [[value for at, value in s if at >= since] for s in series]
    busy = sum(sum(values) / len(values) for values in means if values)
    return busy / (psutil.cpu_count() or 1)
