"""What the profile `next` adds everywhere: fields, values and authentications that no released
version has, so that readers prove they keep what they do not know."""

from typing import Any

NEW_AUTH_TYPE = "workload-identity"
SIGNALS = {
    "Anthropic-Ratelimit-Unified-5h-Status": "allowed",
    "Anthropic-Ratelimit-Unified-5h-Utilization": 0.08,
    "Anthropic-Ratelimit-Unified-5h-Reset": 1790100000,
}


def next_event(event: dict[str, Any]) -> dict[str, Any]:
    """Return the members of an event that the next version adds or changes."""
    tokens, fail = event["tokens"], event["fail"]
    return {
        "accounting_version": 3,
        "auth_type": NEW_AUTH_TYPE if event["provider"] == "xai" else event["auth_type"],
        "fail": {**fail, "retryable": fail["status_code"] == 429},
        "queue": {"waited_ms": 3, "position": None},
        "tokens": {**tokens, "audio_tokens": 0},
        "upstream_region": "eu-west-1",
    }


def next_file(entry: dict[str, Any]) -> dict[str, Any]:
    """Return the members of a listed auth file that the next version adds."""
    observed_at = entry["updated_at"]
    return {
        "auth_type": NEW_AUTH_TYPE,
        "model_quotas": {"a-model": {"observed_at": observed_at, "signals": SIGNALS}},
        "quota": {"observed_at": observed_at, "signals": SIGNALS},
    }


def next_body(body: bytes) -> bytes:
    """Return a response's object with one member more; anything else as it is."""
    if not body.startswith(b'{"') or not body.endswith(b"}"):
        return body
    return b'{"a_new_member":{"revision":3},' + body.removeprefix(b"{")
