"""Who sends traffic and what serves it: the client keys and credentials that the configuration
holds right now."""

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from management_proxy.simulator import catalog
from management_proxy.simulator.accounts.files import AuthDirectory
from management_proxy.simulator.keys.loaded import LoadedKey

COMPAT = "compat"


@dataclass(frozen=True)
class Family:
    """One kind of provider and how attempts through it look."""

    name: str
    executor: str
    url: str
    endpoints: tuple[str, ...]
    agents: tuple[str, ...]
    weight: float
    request_header: str = "X-Request-Id"


_BROWSERS = ("OpenAI/Python 2.3.0", "python-httpx/0.28.1", "curl/8.9.1", 'Zed/0.190 "quoted" <tag>')
_CHAT = ("POST /v1/chat/completions", "POST /v1/responses", "POST /v1/messages")
FAMILIES = {
    family.name: family
    for family in (
        Family(
            "codex",
            "CodexExecutor",
            "https://chatgpt.com/backend-api/codex/responses",
            (
                "POST /v1/responses",
                "POST /v1/responses",
                "GET /v1/responses",
                "POST /v1/chat/completions",
            ),
            ("codex_cli_rs/0.64.0", "codex_cli_rs/0.66.1"),
            38,
        ),
        Family(
            "claude",
            "ClaudeExecutor",
            "https://api.anthropic.com/v1/messages?beta=true",
            ("POST /v1/messages", "POST /v1/messages", "POST /v1/chat/completions"),
            ("claude-cli/2.1.40 (external, cli)", "claude-cli/2.2.3 (external, sdk-ts)"),
            34,
            "Request-Id",
        ),
        Family(
            "gemini",
            "GeminiExecutor",
            "https://generativelanguage.googleapis.com/v1beta/models/gemini:streamGenerateContent",
            ("POST /v1beta/models/*action", "POST /v1/chat/completions"),
            ("google-genai-sdk/1.30.0",),
            9,
        ),
        Family(
            "vertex",
            "GeminiVertexExecutor",
            "https://aiplatform.googleapis.com/v1/projects/p/locations/global/publishers/google/models",
            ("POST /v1beta/models/*action",),
            ("google-genai-sdk/1.30.0",),
            3,
        ),
        Family(
            "antigravity",
            "AntigravityExecutor",
            "https://cloudcode-pa.googleapis.com/v1internal:streamGenerateContent",
            _CHAT,
            _BROWSERS,
            4,
        ),
        Family(
            "kimi",
            "KimiExecutor",
            "https://api.kimi.com/coding/v1/chat/completions",
            _CHAT,
            _BROWSERS,
            2,
        ),
        Family(
            "xai",
            "XAIExecutor",
            "https://api.x.ai/v1/responses",
            ("POST /v1/responses",),
            _BROWSERS,
            3,
        ),
        Family(
            COMPAT,
            "OpenAICompatExecutor",
            "https://openrouter.ai/api/v1/chat/completions",
            _CHAT,
            _BROWSERS,
            7,
        ),
    )
}


@dataclass(frozen=True)
class Credential:
    """What an attempt goes through."""

    index: str
    source: str
    provider: str
    family: str
    auth_type: str
    token_hash: str
    models: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class World:
    """Client keys and credentials, with how much each is used."""

    client_keys: tuple[str, ...]
    key_weights: tuple[float, ...]
    by_provider: dict[str, tuple[Credential, ...]] = field(default_factory=dict)

    @property
    def providers(self) -> tuple[str, ...]:
        return tuple(self.by_provider)

    def provider_weights(self) -> list[float]:
        return [FAMILIES[pool[0].family].weight for pool in self.by_provider.values()]


def key_weights(keys: Sequence[str], seed: int) -> tuple[float, ...]:
    """Return how much each key is used: three in ten a lot, half of them some, the rest hardly
    ever."""
    rng = random.Random(seed)
    weights = []
    for position in range(len(keys)):
        rank = position / max(len(keys), 1)
        tier = 10.0 if rank < 0.3 else 3.0 if rank < 0.8 else 1.0
        weights.append(tier * rng.uniform(0.9, 1.1))
    return tuple(weights)


def of_auth_files(directory: AuthDirectory) -> list[Credential]:
    credentials = []
    for file in directory.all():
        provider, token = file.provider, str(file.content.get("access_token", "")).strip()
        if file.is_disabled or provider not in FAMILIES:
            continue
        names = _catalogued(provider)
        digest = hashlib.sha256(token.encode()).hexdigest() if token else ""
        source = str(file.content.get("project_id" if provider == "vertex" else "email", ""))
        credentials.append(
            Credential(directory.index(file), source, provider, provider, "oauth", digest, names)
        )
    return credentials


def _catalogued(provider: str) -> tuple[tuple[str, str], ...]:
    return tuple(
        (model.name, model.name) for model in catalog.models_of(provider) if model.converses
    )


def of_keys(keys: list[LoadedKey]) -> list[Credential]:
    credentials = []
    for key in keys:
        family = key.provider if key.provider in FAMILIES else COMPAT
        provider = key.provider if family != COMPAT else f"openai-compatible-{key.provider}"
        names = key.models or _catalogued(family)
        if names:
            credentials.append(
                Credential(key.index, key.api_key, provider, family, "apikey", "", names)
            )
    return credentials


def make_world(client_keys: Sequence[str], credentials: list[Credential], seed: int) -> World:
    keys = tuple(dict.fromkeys(key.strip() for key in client_keys if key.strip())) or ("",)
    pools: dict[str, list[Credential]] = {}
    for credential in sorted(credentials, key=lambda one: one.index):
        pools.setdefault(credential.provider, []).append(credential)
    by_provider = {provider: tuple(pools[provider]) for provider in sorted(pools)}
    return World(keys, key_weights(keys, seed), by_provider)
