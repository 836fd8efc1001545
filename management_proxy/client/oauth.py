"""OAuth logins of the upstream: start, poll, deliver the code, cancel (contract section 7). Nothing
here is repeated.

Starting is not idempotent and the states that come back are the only names of a login. The response
to a poll holds what the upstream knows, which may be nothing: a finished login is forgotten after a
minute.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from django.utils.translation import gettext_noop as _

from management_proxy.client.errors import NotFound, Unintelligible
from management_proxy.client.http import ManagementClient
from management_proxy.client.limits import SMALL, Limits
from management_proxy.client.responses import json_object
from monitoring.texts.recorded import Recorded

_NO_STATE = Recorded(_("the upstream started a login without a state or an https address"))
_NO_STATUS = Recorded(_("the upstream returned an unknown status of a login"))

# Device flows call the provider before they respond.
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
    """What the upstream returned: the provider's page, the state, and for device flows the code
    and its seconds."""

    state: str
    url: str
    user_code: str
    expires_in: int | None


class LoginStatus(StrEnum):
    """The state of a login, as a poll returns it."""

    WAITING = "wait"
    DONE = "ok"
    FAILED = "error"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Poll:
    """The result of a poll; `error` is the upstream's text for a failed login."""

    status: LoginStatus
    error: str = ""


def start_login(
    client: ManagementClient, flow: Flow, *, browser_is_on_upstream: bool = False
) -> StartedLogin:
    """Begin a login. With the browser on the upstream's own host its listener takes the callback.
    Raises UpstreamError."""
    params = {"is_webui": "true"} if browser_is_on_upstream and not flow.is_device else None
    response = client.call("GET", f"{flow.name}-auth-url", START, params=params)
    started = json_object(response.body)
    state, url = _text(started, "state"), _text(started, "url")
    if not STATE.match(state) or urlsplit(url).scheme != "https":
        raise Unintelligible(_NO_STATE(), 200)
    seconds = started.get("expires_in")
    expires_in = seconds if isinstance(seconds, int) and seconds > 0 else None
    return StartedLogin(state, url, _text(started, "user_code"), expires_in)


def _text(members: dict[str, Any], name: str) -> str:
    value = members.get(name)
    return value if isinstance(value, str) else ""


def poll_login(client: ManagementClient, state: str) -> Poll:
    """The state of a login. The response to an empty state would be `ok`, so none is ever sent.
    Raises UpstreamError."""
    _require(state)
    response = client.call("GET", "get-auth-status", SMALL, params={"state": state})
    found = json_object(response.body)
    error = _text(found, "error")
    if error == "unknown or expired state":
        return Poll(LoginStatus.UNKNOWN)
    try:
        return Poll(LoginStatus(str(found.get("status"))), error[:300])
    except ValueError as unknown:
        raise Unintelligible(_NO_STATUS(), 200) from unknown


def deliver_code(
    client: ManagementClient, flow: Flow, state: str, code: str, error: str = ""
) -> None:
    """Deliver what the provider sent back; older upstreams need the kind of login as well.

    Accepted means only that polling continues. Raises Refused with the reason, NotFound for a
    forgotten state.
    """
    _require(state)
    callback = {"provider": flow.name, "state": state, "code": code, "error": error}
    client.call("POST", "oauth-callback", SMALL, json=callback)


def cancel_login(client: ManagementClient, state: str) -> bool:
    """End a waiting login; False if it was over, or if the upstream is too old to end one. Raises
    UpstreamError."""
    _require(state)
    try:
        response = client.call("DELETE", "oauth-session", SMALL, params={"state": state})
    except NotFound:
        return False
    return json_object(response.body).get("cancelled") is True


def _require(state: str) -> None:
    if not STATE.match(state):
        raise ValueError(
            "a login is named by a state of 1 to 128 letters, digits, dots, hyphens and underscores"
        )
