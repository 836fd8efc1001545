"""OAuth logins of the upstream: start, poll, deliver the code, cancel (contract section 7). Nothing
here is repeated.

Starting is not idempotent and the states that come back are the only names of a login. An answer to
a poll says what the upstream knows, which may be nothing: a finished login is forgotten after a
minute.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from management_proxy.client.errors import NotFound, Unintelligible
from management_proxy.client.http import ManagementClient
from management_proxy.client.limits import SMALL, Limits
from management_proxy.client.responses import json_object

# Device flows ask the provider before they answer.
START = Limits.of(45, total=50)
STATE = re.compile(r"(?!.*\.\.)[A-Za-z0-9._-]{1,128}\Z")


@dataclass(frozen=True)
class Flow:
    """One way to log in: `provider` is what the upstream calls the account's kind, `redirect` where
    a browser ends up."""

    name: str
    label: str
    provider: str
    minutes: int
    redirect: str = ""

    @property
    def is_device(self) -> bool:
        """Whether the person confirms a code on the provider's page, and nothing comes back through
        the browser."""
        return not self.redirect


FLOWS = {
    flow.name: flow
    for flow in (
        Flow("anthropic", "Claude", "claude", 5, "http://localhost:54545/callback"),
        Flow("codex", "Codex (ChatGPT)", "codex", 5, "http://localhost:1455/auth/callback"),
        Flow(
            "antigravity",
            "Antigravity (Google)",
            "antigravity",
            5,
            "http://localhost:51121/oauth-callback",
        ),
        Flow("kimi", "Kimi", "kimi", 30),
        Flow("xai", "Grok (xAI)", "xai", 30),
    )
}


@dataclass(frozen=True)
class StartedLogin:
    """What the upstream handed out: the provider's page, the state, and for device flows the code
    and its seconds."""

    state: str
    url: str
    user_code: str
    expires_in: int | None


class LoginStatus(StrEnum):
    """What a poll says."""

    WAITING = "wait"
    DONE = "ok"
    FAILED = "error"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Poll:
    """The answer to a poll; `error` is the upstream's text for a failed login."""

    status: LoginStatus
    error: str = ""


def start_login(
    client: ManagementClient, flow: Flow, *, browser_is_on_upstream: bool = False
) -> StartedLogin:
    """Begin a login. With the browser on the upstream's own host its listener takes the callback.
    Raises UpstreamError."""
    params = {"is_webui": "true"} if browser_is_on_upstream and not flow.is_device else None
    answer = json_object(client.call("GET", f"{flow.name}-auth-url", START, params=params).body)
    state, url = answer.get("state"), answer.get("url")
    if (
        not isinstance(state, str)
        or not STATE.match(state)
        or not isinstance(url, str)
        or urlsplit(url).scheme != "https"
    ):
        raise Unintelligible(
            "the upstream started a login without a state or an https address", 200
        )
    code, seconds = answer.get("user_code"), answer.get("expires_in")
    return StartedLogin(
        state,
        url,
        code if isinstance(code, str) else "",
        seconds if isinstance(seconds, int) and seconds > 0 else None,
    )


def poll_login(client: ManagementClient, state: str) -> Poll:
    """How a login stands. An empty state would be answered with `ok`, so none is ever sent. Raises
    UpstreamError."""
    _require(state)
    answer = json_object(client.call("GET", "get-auth-status", SMALL, params={"state": state}).body)
    error = answer.get("error") if isinstance(answer.get("error"), str) else ""
    if error == "unknown or expired state":
        return Poll(LoginStatus.UNKNOWN)
    try:
        return Poll(LoginStatus(str(answer.get("status"))), str(error)[:300])
    except ValueError as unknown:
        raise Unintelligible("the upstream returned an unknown status of a login", 200) from unknown


def deliver_code(
    client: ManagementClient, flow: Flow, state: str, code: str, error: str = ""
) -> None:
    """Hand over what the provider sent back; older upstreams want to be told the kind of login as
    well.

    Accepted means only that polling goes on. Raises Refused with the reason, NotFound for a
    forgotten state.
    """
    _require(state)
    client.call(
        "POST",
        "oauth-callback",
        SMALL,
        json={"provider": flow.name, "state": state, "code": code, "error": error},
    )


def cancel_login(client: ManagementClient, state: str) -> bool:
    """End a waiting login; False if it was over, or if the upstream is too old to be told. Raises
    UpstreamError."""
    _require(state)
    try:
        return (
            json_object(
                client.call("DELETE", "oauth-session", SMALL, params={"state": state}).body
            ).get("cancelled")
            is True
        )
    except NotFound:
        return False


def _require(state: str) -> None:
    if not STATE.match(state):
        raise ValueError(
            "a login is named by a state of 1 to 128 letters, digits, dots, hyphens and underscores"
        )
