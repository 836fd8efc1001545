"""The seven provider key lists and what sets each of them apart (contract 6.3)."""

from dataclasses import dataclass

_COMMON = (
    "headers",
    "excluded-models",
    "disable-cooling",
    "request-retry",
    "request-scoped-errors",
)
_GEMINI = ("api-key", "priority", "weight", "prefix", "base-url", "proxy-url", "models", *_COMMON)
_PATCHABLE = frozenset({"api-key", "weight", "prefix", "base-url", "proxy-url", *_COMMON})


@dataclass(frozen=True)
class Family:
    """One provider key list."""

    route: str
    provider: str
    fields: tuple[str, ...]
    patchable: frozenset[str]
    always_shown: tuple[str, ...] = ()
    needs_base_url: bool = False
    unique_by: tuple[str, ...] = ()
    # Whether a DELETE by key that matches nothing is a 404, and one that matches removes exactly
    # one.
    strict_delete: bool = False
    selector: str = "match"

    @property
    def identity(self) -> str:
        return "name" if self.selector == "name" else "api-key"


_STRICT_UNIQUE = ("api-key", "base-url", "proxy-url", "prefix", "headers")
FAMILIES: dict[str, Family] = {
    family.route: family
    for family in (
        Family(
            "gemini-api-key",
            "gemini",
            _GEMINI,
            _PATCHABLE,
            unique_by=_STRICT_UNIQUE,
            strict_delete=True,
        ),
        Family(
            "interactions-api-key",
            "gemini-interactions",
            _GEMINI,
            _PATCHABLE,
            unique_by=_STRICT_UNIQUE,
            strict_delete=True,
        ),
        Family(
            "claude-api-key",
            "claude",
            (
                *_GEMINI,
                "rebuild-mid-system-message",
                "cloak",
                "fingerprint-profile",
                "experimental-cch-signing",
            ),
            _PATCHABLE | {"models", "fingerprint-profile", "rebuild-mid-system-message"},
            always_shown=("base-url", "proxy-url", "models"),
        ),
        Family(
            "codex-api-key",
            "codex",
            (*_GEMINI, "websockets", "alpha-search"),
            _PATCHABLE | {"models", "alpha-search"},
            always_shown=("base-url", "proxy-url", "models"),
            needs_base_url=True,
        ),
        Family(
            "xai-api-key",
            "xai",
            (*_GEMINI, "websockets"),
            _PATCHABLE | {"models", "priority", "websockets"},
            always_shown=("base-url", "proxy-url", "models"),
            needs_base_url=True,
        ),
        Family(
            "vertex-api-key",
            "vertex",
            tuple(field for field in _GEMINI if field != "request-scoped-errors"),
            (_PATCHABLE | {"models"}) - {"request-scoped-errors"},
            unique_by=("api-key", "base-url"),
        ),
        Family(
            "openai-compatibility",
            "openai-compatibility",
            (
                "name",
                "priority",
                "disabled",
                "prefix",
                "base-url",
                "api-key-entries",
                "models",
                "headers",
                "support-prompt-cache-key",
                "disable-cooling",
                "request-retry",
                "request-scoped-errors",
            ),
            frozenset(
                {
                    "name",
                    "disabled",
                    "prefix",
                    "base-url",
                    "api-key-entries",
                    "models",
                    "headers",
                    "support-prompt-cache-key",
                    "disable-cooling",
                    "request-retry",
                    "request-scoped-errors",
                }
            ),
            always_shown=("disabled",),
            needs_base_url=True,
            selector="name",
        ),
    )
}
