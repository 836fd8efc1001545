"""What differs between the upstream's versions: event keys, routes, headers (contract section
3)."""

import hashlib
import re
from dataclasses import dataclass
from typing import Any

from management_proxy.simulator.next_version import next_event, next_file

Version = tuple[int, int, int]

COMMITS = {
    "6.10.8": "da6c599ef",
    "7.0.7": "1d529c3ce",
    "7.1.40": "02d0d92a8",
    "7.2.140": "a7e3596b",
}

# The first version whose events carry the key; keys not listed were always there.
EVENT_KEYS_SINCE: dict[str, Version] = {
    "alias": (6, 10, 7),
    "fail": (7, 0, 0),
    "response_headers": (7, 1, 13),
    "reasoning_effort": (7, 1, 18),
    "ttft_ms": (7, 1, 24),
    "service_tier": (7, 1, 27),
    "executor_type": (7, 1, 38),
    "response_service_tier": (7, 2, 74),
    "generate": (7, 2, 78),
    "accounting_version": (7, 2, 97),
    "token_breakdown": (7, 2, 97),
    "client_ip": (7, 2, 104),
    "x_forwarded_for": (7, 2, 104),
    "user_agent": (7, 2, 104),
    "access_token_sha256": (7, 2, 116),
}
TOKEN_KEYS_SINCE: dict[str, Version] = {
    "cache_read_tokens": (7, 0, 3),
    "cache_creation_tokens": (7, 0, 3),
    "cache_read_tokens_present": (7, 2, 74),
}
# The first version that has the route; routes not listed were always there.
ROUTES_SINCE: dict[str, Version] = {
    "usage-queue": (6, 10, 8),
    "api-key-usage": (6, 9, 47),
    "plugins": (7, 1, 47),
    "reset-quota": (7, 2, 22),
    "interactions-api-key": (7, 2, 51),
    "oauth-session": (7, 2, 64),
    "xai-api-key": (7, 2, 73),
    "max-retry-credentials": (7, 2, 140),
    "oauth-request-scoped-errors": (7, 2, 131),
}
# The aggregate that the queue replaced; gone since 6.10.0.
LEGACY_USAGE_UNTIL: Version = (6, 10, 0)
PLUGINS_SINCE: Version = (7, 1, 47)
SUPPORT_PLUGIN_HEADER_SINCE: Version = (7, 1, 69)
SUBSCRIBE_SINCE: Version = (7, 0, 7)
SUPPORT_REFRESH_SINCE: Version = (7, 1, 39)
LOG_CURSOR_SINCE: Version = (7, 2, 6)
UNKNOWN_STATE_REPORTED_SINCE: Version = (7, 2, 62)
# Before it, compatible providers went by their bare name and an absent tier was called `default`.
COMPAT_PREFIX_SINCE: Version = (7, 2, 0)
# Before it, a Claude event's total left the cache out; the recordings show it for 7.1.40 and not
# for 7.0.7.
CACHE_IN_TOTAL_SINCE: Version = (7, 1, 13)
AUTH_INDEX_BY_PATH_SINCE: Version = (7, 0, 0)


# What no released version sends yet; everything that reads an upstream has to bear it.
NEXT, NEXT_TEXT = "next", "v7.3.8-rc1+build"
NEWEST: Version = (99, 0, 0)
LAST_KNOWN: Version = (7, 2, 140)


def parse_version(text: str) -> Version:
    """The numbers of a version; a word such as `next` or `dev` is newer than all of them."""
    found = re.match(r"v?(\d+)(?:\.(\d+))?(?:\.(\d+))?", text)
    if found is None:
        return NEWEST
    major, minor, patch = (int(part or 0) for part in found.groups())
    return (major, minor, patch)


@dataclass(frozen=True)
class Profile:
    """One version of the upstream."""

    text: str = "7.2.140"

    @property
    def version(self) -> Version:
        return parse_version(self.text)

    @property
    def is_next(self) -> bool:
        return self.version > LAST_KNOWN

    def since(self, version: Version) -> bool:
        return self.version >= version

    def has_route(self, name: str) -> bool:
        if name == "usage":
            return self.version < LEGACY_USAGE_UNTIL
        return self.version >= ROUTES_SINCE.get(name.split("/")[0], (0, 0, 0))

    def headers(self) -> list[tuple[str, str]]:
        """Return the headers of every response that passed the gate."""
        headers = [
            ("X-Cpa-Build-Date", "unknown"),
            ("X-Cpa-Commit", COMMITS.get(self.text, "none")),
        ]
        if self.since(SUPPORT_PLUGIN_HEADER_SINCE):
            headers.append(("X-Cpa-Support-Plugin", "1"))
        return [*headers, ("X-Cpa-Version", NEXT_TEXT if self.text == NEXT else self.text)]

    def cors_headers(self) -> list[tuple[str, str]]:
        headers = [
            ("Access-Control-Allow-Headers", "*"),
            ("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE, OPTIONS"),
            ("Access-Control-Allow-Origin", "*"),
        ]
        if self.since(SUPPORT_PLUGIN_HEADER_SINCE):
            headers.append(("Access-Control-Expose-Headers", EXPOSED))
        return headers

    def auth_file_index(self, provider: str, path: str, name: str) -> str:
        seed = f"{provider}:{path}" if self.since(AUTH_INDEX_BY_PATH_SINCE) else f"file:{name}"
        return auth_index(seed)

    def shape(self, event: dict[str, Any]) -> dict[str, Any]:
        """Return the event as this version would have written it."""
        since = EVENT_KEYS_SINCE
        shaped = {
            key: value for key, value in event.items() if self.version >= since.get(key, (0, 0, 0))
        }
        if "tokens" in shaped:
            shaped["tokens"] = self._tokens(event)
        if not self.since(COMPAT_PREFIX_SINCE):
            shaped["provider"] = event["provider"].removeprefix("openai-compatible-")
            if shaped.get("service_tier") == "auto":
                shaped["service_tier"] = "default"
        return {**shaped, **next_event(shaped)} if self.is_next else shaped

    def shown_file(self, entry: dict[str, Any]) -> dict[str, Any]:
        """Return a listed auth file as this version would show it."""
        return {**entry, **next_file(entry)} if self.is_next else entry

    def _tokens(self, event: dict[str, Any]) -> dict[str, Any]:
        tokens: dict[str, Any] = event["tokens"]
        kept = {
            key: value
            for key, value in tokens.items()
            if self.version >= TOKEN_KEYS_SINCE.get(key, (0, 0, 0))
        }
        if event["provider"] == "claude" and not self.since(CACHE_IN_TOTAL_SINCE):
            kept["total_tokens"] = tokens["input_tokens"] + tokens["output_tokens"]
        return kept


EXPOSED = (
    "X-CPA-TRACE-ID, X-CPA-VERSION, X-CPA-COMMIT, X-CPA-BUILD-DATE, X-CPA-SUPPORT-PLUGIN,"
    " X-CPA-HOME-VERSION, X-CPA-HOME-BUILD-DATE, X-SERVER-VERSION, X-SERVER-BUILD-DATE, Location,"
    " Retry-After, X-Request-Id, OpenAI-Request-Id"
)


def auth_index(seed: str) -> str:
    """Return the sixteen hex characters by which events name a credential (contract 2.7)."""
    return hashlib.sha256(seed.encode()).hexdigest()[:16]
