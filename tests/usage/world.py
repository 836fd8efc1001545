"""An upstream that remembers what it handed out, and real collector processes that collect from
it."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from management_proxy.models import Upstream
from management_proxy.simulator import RunningSimulator
from monitoring.leases import force_release
from tests.crashing import Nursery
from tests.processes import eventually
from usage.ingest.page_parser import identity, split_page
from usage.models import CollectorRun, DeadLetter, UsageEvent
from usage.upkeep.rebuild import differences

PAGE = 20
# An element that is no event.
BAD = b"17"


@dataclass
class World:
    """One upstream, and where the processes that collect from it keep their spool and say what they
    say."""

    simulator: RunningSimulator
    upstream: Upstream
    nursery: Nursery
    spool: Path
    log: Path

    def start(
        self,
        command: str = "collect_usage",
        *arguments: str,
        settings: dict[str, Any] | None = None,
        **order: Any,
    ) -> int:
        own = {"SPOOL_DIR": str(self.spool), "COLLECTOR_PAGE_SIZE": PAGE}
        return self.nursery.start(
            command, *arguments, settings={**own, **(settings or {})}, **order
        )

    def run(self, command: str = "collect_usage", *arguments: str, **order: Any) -> int:
        return self.nursery.wait(self.start(command, *arguments, **order))

    def finish(self) -> None:
        """A new process collects the rest; the lease of a dead one is not waited for."""
        force_release(self.upstream.collect_lease)
        assert self.run() == 0, self.log.read_text()[-3000:]

    def offer(self, pages: int) -> None:
        """Queue pages of good events with one bad element each."""
        for _ in range(pages):
            self.simulator.control("generate", {"events": PAGE - 1, "spread": 7200})
            self.simulator.app.state.queue.push([BAD])

    @contextmanager
    def fault(self, kind: str, **fields: Any) -> Iterator[None]:
        """Something that befalls every look at the queue meanwhile."""
        self.simulator.control(
            "faults", {"kind": kind, "path": "*usage-queue", "count": None, **fields}
        )
        yield
        self.simulator.control("faults", method="DELETE")

    def handed_out(self) -> list[bytes]:
        return list(self.simulator.app.state.queue.handed_out_log or [])

    def spooled(self) -> list[bytes]:
        pages = [path.read_bytes().rstrip(b"\0") for path in sorted(self.spool.glob("*/*"))]
        return [element for page in pages for element in split_page(page)[0]]

    def identities(self, elements: list[bytes]) -> list[UUID]:
        return [identity(element, self.upstream.pk) for element in elements if element != BAD]

    def abandoned(self) -> int:
        return CollectorRun.objects.filter(status="abandoned").count()

    def poll_in_a_loop(self, polls: int, settings: dict[str, Any]) -> None:
        """A loop whose polls each find something."""
        loop = self.start("collect_usage", "--loop", settings=settings)
        for _ in range(polls):
            before = self.found_something()
            self.offer(1)
            eventually(partial(self._found_more_than, before), 60)
        os.kill(loop, signal.SIGTERM)
        assert self.nursery.wait(loop) == 0

    def found_something(self) -> int:
        return CollectorRun.objects.filter(status="succeeded", popped__gt=0).count()

    def _found_more_than(self, runs: int) -> bool:
        return self.found_something() > runs

    def statuses(self) -> set[str]:
        return set(CollectorRun.objects.values_list("status", flat=True))

    def assert_stored_exactly(self, elements: list[bytes], *, cut_pages: int = 0) -> None:
        """Events, dead letters and every rollup are those of these elements, each once, and the
        spool is empty."""
        assert sorted(UsageEvent.objects.values_list("digest", flat=True)) == sorted(
            self.identities(elements)
        )
        reasons = list(DeadLetter.objects.values_list("reason", flat=True))
        assert (reasons.count("not_an_object"), reasons.count("invalid_page")) == (
            elements.count(BAD),
            cut_pages,
        )
        now = datetime.now(UTC)
        assert differences(now - timedelta(days=1), now + timedelta(days=1)) == []
        assert self.spooled() == []
