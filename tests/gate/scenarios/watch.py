"""What processes take while scenarios run: memory and CPU of each part, once a second."""

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

import psutil

from tests.gate.load import Gate
from tests.gate.stack.processes import Managed

MIB = 2**20


def memory_mib(parts: Iterable[Managed]) -> float:
    """Resident memory of all their processes together."""
    return sum(_resident(process) for part in parts for process in part.tree()) / MIB


def _resident(process: psutil.Process) -> int:
    with suppress(psutil.Error):
        return int(process.memory_info().rss)
    return 0


@contextmanager
def watched(gate: Gate) -> Iterator[None]:
    """Sample until the block ends."""
    over = threading.Event()

    def watch() -> None:
        seen: dict[int, psutil.Process] = {}
        while not over.wait(1.0):
            for part in (*gate.stack.sites, *gate.stack.collectors):
                gate.record.sample(f"memory {part.name}", memory_mib([part]))
                gate.record.sample(f"CPU {part.name}", _cpu_percent(part, seen))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _cpu_percent(part: Managed, seen: dict[int, psutil.Process]) -> float:
    """Of one core, since the last sample."""
    total = 0.0
    for process in part.tree():
        known = seen.setdefault(process.pid, process)
        with suppress(psutil.Error):
            total += known.cpu_percent()
    return total


def slope_per_hour(samples: list[tuple[float, float]]) -> float:
    """The median slope between samples far apart (Theil and Sen); single jumps do not move it."""
    half = len(samples) // 2
    slopes = sorted(
        (later[1] - sooner[1]) / (later[0] - sooner[0])
        for sooner, later in zip(samples[:half], samples[-half:], strict=True)
    )
    return 3600 * slopes[len(slopes) // 2] if slopes else 0.0
