"""The provider key lists of the upstream, and what sets each of them apart (contract 6.3)."""

from dataclasses import dataclass

_COMMON = (
    "headers",
    "excluded-models",
    "disable-cooling",
    "request-retry",
    "request-scoped-errors",
)
_KEYED = ("api-key", "priority", "weight", "prefix", "base-url", "proxy-url", "models", *_COMMON)
_PATCHED = frozenset({"api-key", "weight", "prefix", "base-url", "proxy-url", *_COMMON})


@dataclass(frozen=True)
class Family:
    """One list: its route, the words for it, and its rules."""

    name: str
    route: str
    label: str
    fields: tuple[str, ...]
    # What PATCH takes; anything else is silently ignored there and needs the whole list.
    patched: frozenset[str]
    # Entries without a base URL are silently dropped.
    needs_base_url: bool = False
    # Entries that agree in these are silently made one.
    unique_by: tuple[str, ...] = ()
    # Provider of `GET /model-definitions/<channel>`; empty if it has none.
    channel: str = ""
    is_named: bool = False

    @property
    def identity(self) -> tuple[str, ...]:
        """The fields that tell one entry from another, also towards PATCH and DELETE."""
        return ("name",) if self.is_named else ("api-key", "base-url")


_UNIQUE = ("api-key", "base-url", "proxy-url", "prefix", "headers")
_CLAUDE = ("rebuild-mid-system-message", "cloak", "fingerprint-profile", "experimental-cch-signing")

FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        Family(
            "claude",
            "claude-api-key",
            "Claude",
            (*_KEYED, *_CLAUDE),
            _PATCHED | {"models", "fingerprint-profile", "rebuild-mid-system-message"},
            channel="claude",
        ),
        Family(
            "gemini",
            "gemini-api-key",
            "Gemini",
            _KEYED,
            _PATCHED,
            unique_by=_UNIQUE,
            channel="gemini",
        ),
        Family(
            "codex",
            "codex-api-key",
            "Codex",
            (*_KEYED, "websockets", "alpha-search"),
            _PATCHED | {"models", "alpha-search"},
            needs_base_url=True,
            channel="codex",
        ),
        Family(
            "xai",
            "xai-api-key",
            "xAI",
            (*_KEYED, "websockets"),
            _PATCHED | {"models", "priority", "websockets"},
            needs_base_url=True,
            channel="xai",
        ),
        Family(
            "vertex",
            "vertex-api-key",
            "Vertex",
            tuple(f for f in _KEYED if f != "request-scoped-errors"),
            (_PATCHED | {"models"}) - {"request-scoped-errors"},
            unique_by=("api-key", "base-url"),
            channel="vertex",
        ),
        Family(
            "interactions",
            "interactions-api-key",
            "Interactions",
            _KEYED,
            _PATCHED,
            unique_by=_UNIQUE,
            channel="gemini-interactions",
        ),
        Family(
            "openai-compatibility",
            "openai-compatibility",
            "OpenAI-compatible",
            (
                "name",
                "priority",
                "disabled",
                "prefix",
                "base-url",
                "api-key-entries",
                "models",
                "support-prompt-cache-key",
                *_COMMON,
            ),
            frozenset(
                {
                    "name",
                    "disabled",
                    "prefix",
                    "base-url",
                    "api-key-entries",
                    "models",
                    "support-prompt-cache-key",
                    *_COMMON,
                }
            ),
            needs_base_url=True,
            is_named=True,
        ),
    )
}
# Those of the pages of keys; named entries are custom providers, which have a page of their own.
UNNAMED = tuple(family for family in FAMILIES.values() if not family.is_named)
