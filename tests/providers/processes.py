"""Real processes that change one upstream: a nursery of commands, and what must hold when they are
through."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from management_proxy.client.http import ManagementClient
from management_proxy.client.lists import read_client_keys
from management_proxy.models import Upstream
from providers.drift.queries import compare
from providers.models import ClientKey, Intent, ProviderKey
from tests.crashing import Nursery
from tests.processes import process_environment


def environment() -> dict[str, str]:
    """The environment of a process that works on this test's database."""
    return process_environment(WRITE_LEASE_TTL_SECONDS="1")


@dataclass
class World:
    """An upstream, a client that goes past the funnel, and commands as processes."""

    upstream: Upstream
    client: ManagementClient
    nursery: Nursery

    def start(self, *arguments: str, **order: Any) -> int:
        return self.nursery.start(*arguments, settings={"WRITE_LEASE_TTL_SECONDS": 1.0}, **order)

    def run(self, *arguments: str, **order: Any) -> int:
        return self.nursery.wait(self.start(*arguments, **order))

    def listed(self) -> list[str]:
        return read_client_keys(self.client)

    def assert_agreement(self, strangers: int = 0) -> None:
        """Nothing is uncertain, nothing doubled, and database and upstream say the same of
        everything that is managed here."""
        assert not Intent.objects.filter(state__in=Intent.UNSETTLED).exists(), list(
            Intent.objects.values("state", "error")
        )
        doubled = [key for key, count in Counter(self.listed()).items() if count > 1]
        assert not doubled
        differences = [
            d
            for d in compare(self.upstream, self.client)
            if d.kind != "only there" or d.thing == "client key"
        ]
        assert len(differences) == strangers, differences
        assert not ClientKey.objects.filter(state="requested").exists()
        assert not ProviderKey.objects.filter(state="requested").exists()
