"""A request for every row of the policies."""

import re
from typing import Any

from management_proxy.proxy.rules.policy import BodyRule, Form, Policy
from management_proxy.proxy.rules.policy_table import POLICIES
from tests.management_proxy.proxied import URL

SAMPLES = {"log": "error-1.log", "id": "abc12345", "channel": "claude", "plugin": "some"}
BODIES = {
    BodyRule.NONE: b"",
    BodyRule.JSON: b'{"value": true}',
    BodyRule.KEY_LIST: b'[{"api-key": "sk-a-key-that-is-secret", "base-url": "https://example.com"}]',
    BodyRule.PROVIDER_MAP: b"{}",
    BodyRule.KEY_PATCH: b'{"index": 0, "value": "sk-a-key-that-is-secret"}',
    BodyRule.YAML: b"api-keys: [sk-a-key-that-is-secret]\n",
    BodyRule.ANY: b"{}",
}
EMPTIED = {BodyRule.KEY_LIST: b"[]", BodyRule.PROVIDER_MAP: b"{}", BodyRule.YAML: b"debug: false\n"}
EVERY_ROW = [(policy, method) for policy in POLICIES for method in policy.methods]


def path_of(policy: Policy, upstream: str) -> str:
    path = re.sub(r"\{(\w+)\}", lambda found: SAMPLES[found.group(1)], policy.path)
    members = {
        **dict.fromkeys(policy.needs, "1"),
        **({policy.form.value: "1"} if policy.form in (Form.ALL, Form.INDEX) else {}),
    }
    query = "&".join(f"{name}={value}" for name, value in members.items())
    return f"{URL}@{upstream}/{path}" + (f"?{query}" if query else "")


def send(client: Any, policy: Policy, method: str, upstream: str, **headers: str) -> Any:
    """What the row lets through, with whatever confirmation it asks for."""
    body = EMPTIED[policy.body] if policy.form is Form.EMPTY else BODIES[policy.body]
    if policy.path == "oauth-callback":
        body = b'{"state": "1", "code": "1"}'
    if policy.body is BodyRule.PROVIDER_MAP and policy.form is Form.PLAIN:
        body = b'{"items": {"codex": []}}'
    confirmation = {"X-Tollgate-Confirm": policy.confirmation} if policy.confirmation else {}
    return client.generic(
        method,
        path_of(policy, upstream),
        body,
        content_type="application/json",
        headers={**confirmation, **headers},
    )
