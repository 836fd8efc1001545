"""The usage queue and what collection needs to know around it: which interface the upstream has,
the statistics switch and the retention, its counters.

Facts: contract 2.1 to 2.3 (queue, switch, retention), 3 (versions), 5.1 and 8.9 (counters).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_noop as _

from management_proxy.client.auth_files import NO_FILES
from management_proxy.client.errors import NotFound, ResponseTooLarge, Unintelligible
from management_proxy.client.http import ManagementClient, Receive
from management_proxy.client.limits import CONFIGURATION, MIB, SMALL, Limits
from management_proxy.client.responses import Response, json_object
from management_proxy.models import UsageInterface
from monitoring.masking import last4
from monitoring.texts.recorded import Recorded

_NO_SWITCH = Recorded(_("the statistics switch is neither true nor false"))
_NO_NUMBER = Recorded(_("a counter is not a number"))

# The pop is destructive: giving up early loses the page, so it waits long (contract 2.3) and takes
# much.
POP = Limits.of(60, total=120, response_bytes=512 * MIB)
STATISTICS_SWITCH = "usage-statistics-enabled"
DEFAULT_RETENTION_SECONDS = 60
LONGEST_RETENTION_SECONDS = 3600
# A provider's name in events; the counters give the bare name from the configuration.
COMPATIBLE_PREFIX = "openai-compatible-"


@dataclass(frozen=True)
class UsageSettings:
    """What of the upstream's configuration decides whether events reach the queue and how long they
    stay."""

    statistics_enabled: bool
    retention_seconds: int
    version: str
    server_time: datetime | None = None


@dataclass(frozen=True)
class Counter:
    """What one account of the upstream was used for since the process started: attempts that
    succeeded and failed.

    `account` identifies it without a secret: `file:<auth index>` or `key:<provider>:<last four
    characters>`.
    """

    account: str
    success: int
    failed: int


def pop_usage(client: ManagementClient, count: int, receive: Receive) -> Response:
    """Take up to `count` events off the queue; what is popped exists nowhere else any more
    (contract 2.1). Raises UpstreamError.

    The page goes to `receive` chunk by chunk as it arrives, so that what reached us survives a
    broken connection; the response's own body stays empty. What `receive` raises passes through.
    """
    return client.call("GET", "usage-queue", POP, params={"count": str(count)}, receive=receive)


def usage_settings(client: ManagementClient) -> UsageSettings:
    """The statistics switch and the retention, from `GET /config` (contract 2.3, 8.1). Raises
    UpstreamError."""
    response = client.call("GET", "config", CONFIGURATION)
    config = json_object(response.body)
    retention = config.get("redis-usage-queue-retention-seconds")
    return UsageSettings(
        statistics_enabled=config.get(STATISTICS_SWITCH) is True,
        retention_seconds=effective_retention(retention if isinstance(retention, int) else 0),
        version=response.version,
        server_time=response.server_time,
    )


def effective_retention(seconds: int) -> int:
    """The retention that the upstream applies for a configured value (contract 2.3)."""
    return min(seconds, LONGEST_RETENTION_SECONDS) if seconds > 0 else DEFAULT_RETENTION_SECONDS


def statistics_enabled(client: ManagementClient) -> bool:
    """The statistics switch alone; also the cheapest authenticated probe (contract 8.4, 9). Raises
    UpstreamError."""
    response = client.call("GET", STATISTICS_SWITCH, SMALL)
    value = json_object(response.body).get(STATISTICS_SWITCH)
    if not isinstance(value, bool):
        raise Unintelligible(_NO_SWITCH(), 200)
    return value


def usage_interface(client: ManagementClient) -> UsageInterface:
    """What the upstream offers to collectors; the probe pops nothing (`count=0` is refused)."""
    probe = client.call("GET", "usage-queue", SMALL, params={"count": "0"}, accept=(200, 400, 404))
    if probe.status != 404:
        return UsageInterface.QUEUE
    try:
        legacy = client.call("GET", "usage", SMALL, accept=(200, 404)).status
    except ResponseTooLarge:  # the sums come with every request since the start
        legacy = 200
    return UsageInterface.AGGREGATES if legacy == 200 else UsageInterface.RESP_ONLY


def file_account(auth_index: str) -> str:
    """The name of an account that lives in an auth file."""
    return f"file:{auth_index}"


def key_account(provider: str, label: str) -> str:
    """The name of a provider key, from its provider and its masked label `…1234`."""
    return f"key:{provider.lower().removeprefix(COMPATIBLE_PREFIX)}:{label}"


def counters(client: ManagementClient) -> list[Counter]:
    """The counters of every account, files and provider keys; keys that look the same are added
    up."""
    found: dict[str, Counter] = {}
    for counter in [*_file_counters(client), *_key_counters(client)]:
        held = found.get(counter.account, Counter(counter.account, 0, 0))
        found[counter.account] = Counter(
            counter.account, held.success + counter.success, held.failed + counter.failed
        )
    return list(found.values())


def _file_counters(client: ManagementClient) -> list[Counter]:
    files = json_object(client.call("GET", "auth-files", CONFIGURATION).body).get("files")
    if not isinstance(files, list):
        raise Unintelligible(NO_FILES(), 200)
    return [
        _counter(file_account(str(file["auth_index"])), file)
        for file in files
        if isinstance(file, dict) and file.get("auth_index")
    ]


def _key_counters(client: ManagementClient) -> list[Counter]:
    try:
        providers = json_object(client.call("GET", "api-key-usage", CONFIGURATION).body)
    except NotFound:
        return []
    return [
        _counter(key_account(provider, masked_key(name.rpartition("|")[2])), entry)
        for provider, entries in providers.items()
        if isinstance(entries, dict)
        for name, entry in entries.items()
        if isinstance(entry, dict)
    ]


def _counter(account: str, entry: Mapping[str, Any]) -> Counter:
    success, failed = entry.get("success"), entry.get("failed")
    if not isinstance(success, int) or not isinstance(failed, int):
        raise Unintelligible(_NO_NUMBER(), 200)
    return Counter(account, success, failed)


def masked_key(key: str) -> str:
    """A provider key by its last four characters, as events' credentials are labelled."""
    return last4(key.strip())
