"""What collection asks of an upstream beside the pop: which interface it has, the statistics
switch, its counters.

Facts: contract 2.1, 2.2 (queue and switch), 3 (versions), 5.1 and 8.9 (counters). Functions over
one client; every call raises only members of the tree in `management_proxy.client.errors`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from management_proxy.client.client import CONFIGURATION, SMALL, ManagementClient, json_object
from management_proxy.client.errors import AnswerTooLarge, NotFound, Unintelligible
from management_proxy.models import UsageInterface
from monitoring.masking import last4

STATISTICS_SWITCH = "usage-statistics-enabled"
# A provider's name in events; the counters give the bare name from the configuration.
COMPATIBLE_PREFIX = "openai-compatible-"


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


def usage_interface(client: ManagementClient) -> UsageInterface:
    """What the upstream offers to collectors; nothing is popped by asking (`count=0` is
    refused)."""
    if (
        client.call(
            "GET", "usage-queue", SMALL, params={"count": "0"}, accept=(200, 400, 404)
        ).status
        != 404
    ):
        return UsageInterface.QUEUE
    try:
        legacy = client.call("GET", "usage", SMALL, accept=(200, 404)).status
    except AnswerTooLarge:  # the sums come with every request since the start
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
        raise Unintelligible("the list of auth files is none", 200)
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
        raise Unintelligible("a counter is no number", 200)
    return Counter(account, success, failed)


def masked_key(key: str) -> str:
    """A provider key by its last four characters, as events' credentials are labelled."""
    return last4(key.strip())
