"""Memory and CPU of the processes behind an instance: by their ids, or of a whole cgroup (v2)."""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil


def sample(pids: Iterable[int], cgroup: Path | None) -> dict[str, Any] | None:
    """Resident bytes and CPU seconds so far; None if nothing of it can be read."""
    if cgroup:
        return _of_cgroup(cgroup)
    processes = [process for pid in pids for process in _tree(pid)]
    if not processes:
        return None
    memory = cpu = 0.0
    for process in processes:
        with suppress(psutil.Error):
            memory += process.memory_info().rss
            cpu += sum(process.cpu_times()[:2])
    return {"memory_bytes": int(memory), "cpu_seconds": round(cpu, 2), "processes": len(processes)}


def _tree(pid: int) -> list[Any]:
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    return []


def _of_cgroup(folder: Path) -> dict[str, Any] | None:
    try:
        memory = int((folder / "memory.current").read_text())
        stat = dict(line.split() for line in (folder / "cpu.stat").read_text().splitlines())
        count = len((folder / "cgroup.procs").read_text().split())
    except (OSError, ValueError):
        return None
    seconds = int(stat.get("usage_usec", 0)) / 1e6
    return {"memory_bytes": memory, "cpu_seconds": round(seconds, 2), "processes": count}
