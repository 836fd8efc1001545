"""What the simulated upstream starts with: a configuration file, auth files, and what ails some."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import yaml

from management_proxy.simulator.accounts.files import identity_token
from management_proxy.simulator.accounts.troubles import TROUBLES, Trouble
from management_proxy.simulator.http.wire import go_json

# Fields of their files, by provider and name.
Accounts = Mapping[tuple[str, str], Mapping[str, Any]]

# Provider and account names of the demonstration; all made up.
_ACCOUNTS = (
    ("codex", "alice"),
    ("codex", "bob"),
    ("codex", "erin"),
    ("codex", "frank"),
    ("claude", "carol"),
    ("claude", "grace"),
    ("claude", "heidi"),
    ("antigravity", "ivan"),
    ("antigravity", "judy"),
    ("kimi", "mallory"),
    ("xai", "dana"),
)
# Those of a company that has worked with it for a while, some of them shared, with what was set.
_LIVED_IN: Accounts = {
    ("codex", "alice"): {},
    ("codex", "bob"): {"note": "Bob's own plan: ask before sharing"},
    ("codex", "erin"): {},
    ("codex", "frank"): {},
    ("claude", "carol"): {},
    ("claude", "grace"): {},
    ("claude", "heidi"): {},
    ("claude", "mallory"): {
        "disabled": True,
        "note": "Mallory has left; paid to the end of the year",
    },
    ("antigravity", "research"): {"note": "Shared by research"},
    ("antigravity", "support"): {"note": "Shared by support"},
    ("kimi", "lab"): {"note": "Shared by everyone"},
    ("xai", "dana"): {},
}
_LIVED_IN_SETTINGS = {"request-retry": 3, "error-logs-max-files": 100}
_TEAMS = ("alpha", "beta", "gamma", "delta", "ci", "research", "support", "mobile", "data", "ops")


@dataclass(frozen=True)
class Preset:
    """One starting point."""

    config: str
    auth_files: tuple[tuple[str, bytes], ...] = field(default=())
    troubles: tuple[Trouble, ...] = field(default=())


def client_keys(count: int, seed: int) -> list[str]:
    rng = random.Random(seed)
    names = (f"{_TEAMS[at % len(_TEAMS)]}-{at // len(_TEAMS) + 1}" for at in range(count))
    return [f"sk-{name}-{rng.getrandbits(64):016x}" for name in names]


def demo(clients: int = 20, seed: int = 0, **settings: Any) -> Preset:
    """Return a small company: client keys, accounts of every kind, and provider keys."""
    return _company(clients, seed, {account: {} for account in _ACCOUNTS}, settings)


def lived_in(clients: int = 20, seed: int = 0) -> Preset:
    """Return the same company after a while: accounts are shared, one is switched off, one has to
    be connected anew, one has used up its quota."""
    preset = _company(clients, seed, _LIVED_IN, _LIVED_IN_SETTINGS)
    return replace(preset, troubles=TROUBLES)


def _company(clients: int, seed: int, accounts: Accounts, settings: Mapping[str, Any]) -> Preset:
    rng = random.Random(seed + 1)
    config: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": 8317,
        "auth-dir": "/CLIProxyAPI/auths",
        "remote-management": {"allow-remote": True, "secret-key": ""},
        "api-keys": client_keys(clients, seed),
        "debug": False,
        "logging-to-file": True,
        "usage-statistics-enabled": True,
        "redis-usage-queue-retention-seconds": 3600,
        **_provider_keys(rng),
        **settings,
    }
    text: str = yaml.safe_dump(config, sort_keys=False, allow_unicode=True, width=4096)
    return Preset(
        "# configuration of the simulated upstream\n" + text, tuple(_accounts(rng, accounts))
    )


def _provider_keys(rng: random.Random) -> dict[str, Any]:
    def key(prefix: str) -> str:
        return f"{prefix}{rng.getrandbits(96):024x}"

    google = "https://generativelanguage.googleapis.com"
    return {
        "gemini-api-key": [
            {"api-key": key("AIzaSy"), "base-url": google},
            {"api-key": key("AIzaSy"), "base-url": google},
        ],
        "claude-api-key": [
            {"api-key": key("sk-ant-api03-"), "base-url": "https://api.anthropic.com"}
        ],
        "codex-api-key": [{"api-key": key("sk-proj-"), "base-url": "https://api.openai.com/v1"}],
        "vertex-api-key": [
            {"api-key": key("vk-"), "base-url": "https://aiplatform.googleapis.com"}
        ],
        "openai-compatibility": [
            {
                "name": "openrouter",
                "base-url": "https://openrouter.ai/api/v1",
                "api-key-entries": [{"api-key": key("sk-or-v1-")}, {"api-key": key("sk-or-v1-")}],
                "models": [
                    {"name": "deepseek/deepseek-chat", "alias": "ds-chat"},
                    {"name": "qwen/qwen3-coder", "alias": "qwen-coder"},
                ],
            },
            {
                "name": "relay",
                "base-url": "https://relay.example.com/v1",
                "api-key-entries": [{"api-key": key("sk-relay-")}],
                "models": [{"name": "glm-4.7", "alias": "glm"}],
            },
        ],
    }


def _accounts(rng: random.Random, accounts: Accounts) -> list[tuple[str, bytes]]:
    files = []
    for (provider, person), fields in accounts.items():
        email = f"{person}@example.com"
        content: dict[str, Any] = {
            "type": provider,
            "email": email,
            "access_token": f"{provider}-access-{rng.getrandbits(64):016x}",
            "refresh_token": f"{provider}-refresh-{rng.getrandbits(64):016x}",
            "expired": "2036-01-01T00:00:00Z",
            "disabled": False,
            **fields,
        }
        suffix = ""
        if provider == "codex":
            plan, suffix = ("pro", "-pro") if person == "erin" else ("plus", "-plus")
            claims = {
                "chatgpt_plan_type": plan,
                "chatgpt_account_id": f"acct-{rng.getrandbits(32):08x}",
            }
            content["id_token"] = identity_token(claims)
        files.append((f"{provider}-{email}{suffix}.json", go_json(content, sort=True)))
    return files
