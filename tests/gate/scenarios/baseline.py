"""The candidate beside the stored baseline (tests/gate/baseline.json), by `capture_baseline`.

A stored time means nothing on another machine, or on this one in a worse hour. So each round also
requests the reference, and what is compared is the time by the reference's, now and then: history
by that of seven days, a call of the management proxy by one that is as short, as a busy machine
delays short ones the most.
"""

import json
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench.arena import percentile
from tests.gate.load import Gate, paced
from tests.gate.stack.stack import COLLECTOR_KEY
from tests.processes import PROJECT

STORED = Path(__file__).parent.parent / "baseline.json"
ROUNDS, SECONDS = 5, 6.0
# What is compared, and the path of its reference.
COMPARED = {"history": "/7", "management": "/0"}


def run(gate: Gate, rounds: int = ROUNDS, seconds: float = SECONDS) -> None:
    """Capture round after round; what is compared with what is stored."""
    taken = [_round(gate, number, seconds) for number in range(rounds)]
    found = summary(taken)
    gate.record.documents["baseline"] = found
    for name in COMPARED:
        gate.record.rounds(f"baseline.{name}_p95_of_reference", found["of_reference"][name])
    if not STORED.exists():
        return
    stored = json.loads(STORED.read_text())
    for name in COMPARED:
        then = median(stored["of_reference"][name])
        now = [ratio / then for ratio in found["of_reference"][name]]
        gate.record.rounds(f"baseline.{name}_p95_of_stored", now)
    memory = found["memory_mib"] / stored["memory_mib"]
    gate.record.figure("baseline.memory_of_stored", memory)
    new = set(found["failures"]) - set(stored["failures"])
    gate.record.figure("baseline.new_failures", len(new))


def _round(gate: Gate, number: int, seconds: float) -> tuple[dict[str, Any], dict[str, float]]:
    """A capture's document, and p95 of each reference meanwhile in milliseconds."""
    output = gate.stack.home / f"baseline-{number}.json"
    command = [sys.executable, "manage.py", "capture_baseline", "--url", gate.stack.urls[0]]
    command += ["--output", str(output), "--duration", f"{seconds:g}s", "--interval", "0.2s"]
    command += ["--management-path", "/api/management/@default/config"]
    command += ["--pid", str(gate.stack.sites[0].pid)]
    own = {"BASELINE_TOKEN": gate.stack.staff, "COLLECTOR_API_KEY": COLLECTOR_KEY}
    environment = gate.stack.environment("capture", **own)
    with subprocess.Popen(
        command, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        took = _refer(gate, seconds)
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors.decode()[-2000:]
    return json.loads(output.read_text()), took


def _refer(gate: Gate, seconds: float) -> dict[str, float]:
    caller = gate.caller(gate.stack.reference_url, "")
    took: dict[str, list[float]] = {name: [] for name in COMPARED}
    for _ in paced(seconds + 2, 0.4):
        for name, path in COMPARED.items():
            took[name].append(caller.send("reference", path).seconds)
    # Not the first two seconds, in which the capture starts.
    return {name: 1000 * percentile(times[5:], 95) for name, times in took.items()}


def summary(rounds: list[tuple[dict[str, Any], dict[str, float]]]) -> dict[str, Any]:
    """What is kept of all rounds: times by the reference's, the memory, and classes of failures."""
    last = rounds[-1][0]
    return {
        "machine": last["machine"],
        "dataset": last["dataset"],
        "of_reference": {
            name: [
                round(one["endpoints"][name]["latency_ms"]["p95"] / references[name], 4)
                for one, references in rounds
            ]
            for name in COMPARED
        },
        "milliseconds": last["endpoints"],
        "memory_mib": last["resources"]["memory_mib"]["p50"],
        "failures": sorted({name for one, _ in rounds for name in one["failures"]}),
    }
