"""The models that each provider family offers."""

from dataclasses import dataclass
from typing import Any

from management_proxy.simulator.http.routing import Routes
from management_proxy.simulator.http.wire import Request, Response, error, respond


@dataclass(frozen=True)
class Model:
    """One model of a provider."""

    name: str
    title: str
    owner: str
    created: int
    context: int
    thinking: tuple[str, ...] = ()
    # Headers that the upstream sends in the place of its own.
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def converses(self) -> bool:
        """Whether the model writes text; one that only draws does not."""
        return self.context > 0


_LEVELS = ("low", "medium", "high", "xhigh")
_CODEX = (
    Model("gpt-5.3-codex-spark", "GPT 5.3 Codex Spark", "openai", 1770912000, 128_000, _LEVELS),
    Model("gpt-5.4", "GPT 5.4", "openai", 1772668800, 1_050_000, _LEVELS),
    Model("gpt-5.4-mini", "GPT 5.4 Mini", "openai", 1773705600, 400_000, _LEVELS),
    Model(
        "gpt-5.5",
        "GPT 5.5",
        "openai",
        1776902400,
        1_050_000,
        _LEVELS,
        (("originator", "codex_cli_rs"), ("user-agent", "codex_cli_rs")),
    ),
    Model("gpt-image-2", "GPT Image 2", "openai", 1776729600, 0),
)
_CLAUDE = (
    Model(
        "claude-haiku-4-5-20251001",
        "Claude 4.5 Haiku",
        "anthropic",
        1759276800,
        200_000,
        ("low", "medium", "high"),
    ),
    Model(
        "claude-opus-4-5-20251101",
        "Claude 4.5 Opus",
        "anthropic",
        1761955200,
        200_000,
        ("low", "medium", "high"),
    ),
    Model(
        "claude-sonnet-4-5-20250929",
        "Claude 4.5 Sonnet",
        "anthropic",
        1759104000,
        200_000,
        ("low", "high"),
    ),
    Model(
        "claude-sonnet-4-6",
        "Claude 4.6 Sonnet",
        "anthropic",
        1771286400,
        1_000_000,
        ("low", "medium", "high"),
    ),
)
_GEMINI = (
    Model("gemini-2.5-flash", "Gemini 2.5 Flash", "google", 1750118400, 1_048_576),
    Model("gemini-2.5-pro", "Gemini 2.5 Pro", "google", 1750118400, 1_048_576),
    Model(
        "gemini-3-pro-preview",
        "Gemini 3 Pro Preview",
        "google",
        1763424000,
        1_048_576,
        ("low", "high"),
    ),
)
_XAI = tuple(
    Model(name, title, "xai", 1772323200, 256_000)
    for name, title in (
        ("grok-4.6", "Grok 4.6"),
        ("grok-build-0.1", "Grok Build 0.1"),
        ("grok-4.5", "Grok 4.5"),
        ("grok-4.3", "Grok 4.3"),
        ("grok-3-mini", "Grok 3 Mini"),
        ("grok-imagine-image", "Grok Imagine Image"),
    )
)
_KIMI = (
    Model("kimi-k2", "Kimi K2", "moonshot", 1752192000, 131_072),
    Model("kimi-k2-thinking", "Kimi K2 Thinking", "moonshot", 1762387200, 262_144),
)
_ANTIGRAVITY = (
    Model(
        "claude-opus-4-6-thinking", "Claude Opus 4.6 (Thinking)", "antigravity", 1770249600, 200_000
    ),
    Model("gemini-3-flash", "Gemini 3 Flash", "antigravity", 1765929600, 1_048_576),
)

CHANNELS: dict[str, tuple[Model, ...]] = {
    "claude": _CLAUDE,
    "gemini": _GEMINI,
    "gemini-interactions": _GEMINI,
    "vertex": _GEMINI,
    "aistudio": _GEMINI,
    "codex": _CODEX,
    "kimi": _KIMI,
    "antigravity": _ANTIGRAVITY,
    "xai": _XAI,
}
ALIASES = {"x-ai": "xai", "grok": "xai"}


def models_of(provider: str) -> tuple[Model, ...]:
    return CHANNELS.get(provider, ())


def account_models(provider: str) -> list[dict[str, Any]]:
    return [
        {
            "display_name": model.title,
            "id": model.name,
            "owned_by": model.owner,
            "type": model.owner,
        }
        for model in models_of(provider)
    ]


def _definition(model: Model) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": model.name,
        "object": "model",
        "created": model.created,
        "owned_by": model.owner,
        "type": model.owner,
        "display_name": model.title,
        "version": model.name,
    }
    if not model.converses:
        return shown
    shown |= {
        "description": f"{model.title}, as the upstream lists it.",
        "context_length": model.context,
        "max_completion_tokens": 128_000,
        "supported_parameters": ["tools"],
        "supportedInputModalities": ["text"],
        "supportedOutputModalities": ["text"],
    }
    if model.thinking:
        shown["thinking"] = {"levels": list(model.thinking)}
    if model.headers:
        shown["config"] = {"override_header": dict(model.headers)}
    return shown


def _definitions(request: Request) -> Response:
    channel = request.path.rpartition("/")[2].strip().lower()
    channel = ALIASES.get(channel, channel)
    if channel not in CHANNELS:
        return error(400, "unknown channel", channel=channel)
    return respond(
        {"channel": channel, "models": [_definition(model) for model in CHANNELS[channel]]}
    )


def routes() -> Routes:
    return {("GET", "model-definitions/"): _definitions}
