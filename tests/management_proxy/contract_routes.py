"""The table of contract section 10, one line a route: what the upstream offers, in the contract's
order.

`seconds` is the suggested limit of the whole call, `rewrites` says that the route rewrites the
configuration (W), `repeatable` that the contract lets a client repeat it blindly, `secret` that its
response holds secrets or personal data.
"""

from typing import NamedTuple


class Route(NamedTuple):
    """One method of one path; parameters stand filled in."""

    method: str
    path: str
    seconds: int
    rewrites: bool
    repeatable: bool
    secret: bool
    download: bool

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


ROUTES = (
    Route("GET", "usage-queue", 60, rewrites=False, repeatable=False, secret=True, download=False),
    Route(
        "GET",
        "usage-statistics-enabled",
        10,
        rewrites=False,
        repeatable=True,
        secret=False,
        download=False,
    ),
    Route(
        "PUT",
        "usage-statistics-enabled",
        15,
        rewrites=True,
        repeatable=True,
        secret=False,
        download=False,
    ),
    Route(
        "PATCH",
        "usage-statistics-enabled",
        15,
        rewrites=True,
        repeatable=True,
        secret=False,
        download=False,
    ),
    Route("GET", "config", 15, rewrites=False, repeatable=True, secret=True, download=False),
    Route("GET", "config.yaml", 15, rewrites=False, repeatable=True, secret=True, download=False),
    Route("PUT", "config.yaml", 30, rewrites=True, repeatable=False, secret=False, download=False),
    Route(
        "GET", "latest-version", 15, rewrites=False, repeatable=True, secret=False, download=False
    ),
    Route("GET", "debug", 10, rewrites=False, repeatable=True, secret=False, download=False),
    Route(
        "GET", "logging-to-file", 10, rewrites=False, repeatable=True, secret=False, download=False
    ),
    Route(
        "GET",
        "logs-max-total-size-mb",
        10,
        rewrites=False,
        repeatable=True,
        secret=False,
        download=False,
    ),
    Route(
        "GET",
        "error-logs-max-files",
        10,
        rewrites=False,
        repeatable=True,
        secret=False,
        download=False,
    ),
    Route("GET", "request-log", 10, rewrites=False, repeatable=True, secret=False, download=False),
    Route("GET", "ws-auth", 10, rewrites=False, repeatable=True, secret=False, download=False),
    Route(
        "GET", "request-retry", 10, rewrites=False, repeatable=True, secret=False, download=False
    ),
    Route(
        "GET",
        "max-retry-credentials",
        10,
        rewrites=False,
        repeatable=True,
        secret=False,
        download=False,
    ),
    Route(
        "GET",
        "max-retry-interval",
        10,
        rewrites=False,
        repeatable=True,
        secret=False,
        download=False,
    ),
    Route(
        "GET",
        "force-model-prefix",
        10,
        rewrites=False,
        repeatable=True,
        secret=False,
        download=False,
    ),
    Route(
        "GET", "routing/strategy", 10, rewrites=False, repeatable=True, secret=False, download=False
    ),
    Route(
        "GET",
        "quota-exceeded/switch-project",
        10,
        rewrites=False,
        repeatable=True,
        secret=False,
        download=False,
    ),
    Route(
        "GET",
        "quota-exceeded/switch-preview-model",
        10,
        rewrites=False,
        repeatable=True,
        secret=False,
        download=False,
    ),
    Route("PUT", "debug", 15, rewrites=True, repeatable=True, secret=False, download=False),
    Route("PATCH", "debug", 15, rewrites=True, repeatable=True, secret=False, download=False),
    Route(
        "PUT", "logging-to-file", 15, rewrites=True, repeatable=True, secret=False, download=False
    ),
    Route(
        "PATCH", "logging-to-file", 15, rewrites=True, repeatable=True, secret=False, download=False
    ),
    Route(
        "PUT",
        "logs-max-total-size-mb",
        15,
        rewrites=True,
        repeatable=True,
        secret=False,
        download=False,
    ),
    Route(
        "PATCH",
        "logs-max-total-size-mb",
        15,
        rewrites=True,
        repeatable=True,
        secret=False,
        download=False,
    ),
    Route(
        "PUT",
        "error-logs-max-files",
        15,
        rewrites=True,
        repeatable=True,
        secret=False,
        download=False,
    ),
    Route(
        "PATCH",
        "error-logs-max-files",
        15,
        rewrites=True,
        repeatable=True,
        secret=False,
        download=False,
    ),
    Route("PUT", "request-log", 15, rewrites=True, repeatable=True, secret=False, download=False),
    Route("PATCH", "request-log", 15, rewrites=True, repeatable=True, secret=False, download=False),
    Route("PUT", "ws-auth", 15, rewrites=True, repeatable=True, secret=False, download=False),
    Route("PATCH", "ws-auth", 15, rewrites=True, repeatable=True, secret=False, download=False),
    Route("PUT", "request-retry", 15, rewrites=True, repeatable=True, secret=False, download=False),
    Route(
        "PATCH", "request-retry", 15, rewrites=True, repeatable=True, secret=False, download=False
    ),
    Route(
        "PUT",
        "max-retry-credentials",
        15,
        rewrites=True,
        repeatable=True,
        secret=False,
        download=False,
    ),
    Route(
        "PATCH",
        "max-retry-credentials",
        15,
        rewrites=True,
        repeatable=True,
        secret=False,
        download=False,
    ),
    Route(
        "PUT",
        "max-retry-interval",
        15,
        rewrites=True,
        repeatable=True,
        secret=False,
        download=False,
    ),
    Route(
        "PATCH",
        "max-retry-interval",
        15,
        rewrites=True,
        repeatable=True,
        secret=False,
        download=False,
    ),
    Route(
        "PUT",
        "force-model-prefix",
        15,
        rewrites=True,
        repeatable=True,
        secret=False,
        download=False,
    ),
    Route(
        "PATCH",
        "force-model-prefix",
        15,
        rewrites=True,
        repeatable=True,
        secret=False,
        download=False,
    ),
    Route(
        "PUT", "routing/strategy", 15, rewrites=True, repeatable=True, secret=False, download=False
    ),
    Route(
        "PATCH",
        "routing/strategy",
        15,
        rewrites=True,
        repeatable=True,
        secret=False,
        download=False,
    ),
    Route(
        "PUT",
        "quota-exceeded/switch-project",
        15,
        rewrites=True,
        repeatable=True,
        secret=False,
        download=False,
    ),
    Route(
        "PATCH",
        "quota-exceeded/switch-project",
        15,
        rewrites=True,
        repeatable=True,
        secret=False,
        download=False,
    ),
    Route(
        "PUT",
        "quota-exceeded/switch-preview-model",
        15,
        rewrites=True,
        repeatable=True,
        secret=False,
        download=False,
    ),
    Route(
        "PATCH",
        "quota-exceeded/switch-preview-model",
        15,
        rewrites=True,
        repeatable=True,
        secret=False,
        download=False,
    ),
    Route("GET", "proxy-url", 10, rewrites=False, repeatable=True, secret=True, download=False),
    Route("PUT", "proxy-url", 15, rewrites=True, repeatable=True, secret=False, download=False),
    Route("PATCH", "proxy-url", 15, rewrites=True, repeatable=True, secret=False, download=False),
    Route("DELETE", "proxy-url", 15, rewrites=True, repeatable=True, secret=False, download=False),
    Route("GET", "api-keys", 10, rewrites=False, repeatable=True, secret=True, download=False),
    Route("PUT", "api-keys", 15, rewrites=True, repeatable=False, secret=False, download=False),
    Route("PATCH", "api-keys", 15, rewrites=True, repeatable=False, secret=False, download=False),
    Route("DELETE", "api-keys", 15, rewrites=True, repeatable=False, secret=True, download=False),
    Route(
        "GET", "gemini-api-key", 15, rewrites=False, repeatable=True, secret=True, download=False
    ),
    Route(
        "GET",
        "interactions-api-key",
        15,
        rewrites=False,
        repeatable=True,
        secret=True,
        download=False,
    ),
    Route(
        "GET", "claude-api-key", 15, rewrites=False, repeatable=True, secret=True, download=False
    ),
    Route("GET", "codex-api-key", 15, rewrites=False, repeatable=True, secret=True, download=False),
    Route("GET", "xai-api-key", 15, rewrites=False, repeatable=True, secret=True, download=False),
    Route(
        "GET", "vertex-api-key", 15, rewrites=False, repeatable=True, secret=True, download=False
    ),
    Route(
        "GET",
        "openai-compatibility",
        15,
        rewrites=False,
        repeatable=True,
        secret=True,
        download=False,
    ),
    Route(
        "PUT", "gemini-api-key", 15, rewrites=True, repeatable=False, secret=False, download=False
    ),
    Route(
        "PUT",
        "interactions-api-key",
        15,
        rewrites=True,
        repeatable=False,
        secret=False,
        download=False,
    ),
    Route(
        "PUT", "claude-api-key", 15, rewrites=True, repeatable=False, secret=False, download=False
    ),
    Route(
        "PUT", "codex-api-key", 15, rewrites=True, repeatable=False, secret=False, download=False
    ),
    Route("PUT", "xai-api-key", 15, rewrites=True, repeatable=False, secret=False, download=False),
    Route(
        "PUT", "vertex-api-key", 15, rewrites=True, repeatable=False, secret=False, download=False
    ),
    Route(
        "PUT",
        "openai-compatibility",
        15,
        rewrites=True,
        repeatable=False,
        secret=False,
        download=False,
    ),
    Route(
        "PATCH", "gemini-api-key", 15, rewrites=True, repeatable=False, secret=False, download=False
    ),
    Route(
        "PATCH",
        "interactions-api-key",
        15,
        rewrites=True,
        repeatable=False,
        secret=False,
        download=False,
    ),
    Route(
        "PATCH", "claude-api-key", 15, rewrites=True, repeatable=False, secret=False, download=False
    ),
    Route(
        "PATCH", "codex-api-key", 15, rewrites=True, repeatable=False, secret=False, download=False
    ),
    Route(
        "PATCH", "xai-api-key", 15, rewrites=True, repeatable=False, secret=False, download=False
    ),
    Route(
        "PATCH", "vertex-api-key", 15, rewrites=True, repeatable=False, secret=False, download=False
    ),
    Route(
        "PATCH",
        "openai-compatibility",
        15,
        rewrites=True,
        repeatable=False,
        secret=False,
        download=False,
    ),
    Route(
        "DELETE", "gemini-api-key", 15, rewrites=True, repeatable=False, secret=True, download=False
    ),
    Route(
        "DELETE",
        "interactions-api-key",
        15,
        rewrites=True,
        repeatable=False,
        secret=True,
        download=False,
    ),
    Route(
        "DELETE", "claude-api-key", 15, rewrites=True, repeatable=False, secret=True, download=False
    ),
    Route(
        "DELETE", "codex-api-key", 15, rewrites=True, repeatable=False, secret=True, download=False
    ),
    Route(
        "DELETE", "xai-api-key", 15, rewrites=True, repeatable=False, secret=True, download=False
    ),
    Route(
        "DELETE", "vertex-api-key", 15, rewrites=True, repeatable=False, secret=True, download=False
    ),
    Route(
        "DELETE",
        "openai-compatibility",
        15,
        rewrites=True,
        repeatable=False,
        secret=True,
        download=False,
    ),
    Route(
        "GET",
        "oauth-excluded-models",
        10,
        rewrites=False,
        repeatable=True,
        secret=False,
        download=False,
    ),
    Route(
        "GET",
        "oauth-model-alias",
        10,
        rewrites=False,
        repeatable=True,
        secret=False,
        download=False,
    ),
    Route(
        "GET",
        "oauth-request-scoped-errors",
        10,
        rewrites=False,
        repeatable=True,
        secret=False,
        download=False,
    ),
    Route(
        "PUT",
        "oauth-excluded-models",
        15,
        rewrites=True,
        repeatable=False,
        secret=False,
        download=False,
    ),
    Route(
        "PUT",
        "oauth-model-alias",
        15,
        rewrites=True,
        repeatable=False,
        secret=False,
        download=False,
    ),
    Route(
        "PUT",
        "oauth-request-scoped-errors",
        15,
        rewrites=True,
        repeatable=False,
        secret=False,
        download=False,
    ),
    Route(
        "PATCH",
        "oauth-excluded-models",
        15,
        rewrites=True,
        repeatable=False,
        secret=False,
        download=False,
    ),
    Route(
        "DELETE",
        "oauth-excluded-models",
        15,
        rewrites=True,
        repeatable=False,
        secret=False,
        download=False,
    ),
    Route(
        "PATCH",
        "oauth-model-alias",
        15,
        rewrites=True,
        repeatable=False,
        secret=False,
        download=False,
    ),
    Route(
        "DELETE",
        "oauth-model-alias",
        15,
        rewrites=True,
        repeatable=False,
        secret=False,
        download=False,
    ),
    Route(
        "PATCH",
        "oauth-request-scoped-errors",
        15,
        rewrites=True,
        repeatable=False,
        secret=False,
        download=False,
    ),
    Route(
        "DELETE",
        "oauth-request-scoped-errors",
        15,
        rewrites=True,
        repeatable=False,
        secret=False,
        download=False,
    ),
    Route("GET", "api-key-usage", 15, rewrites=False, repeatable=True, secret=True, download=False),
    Route("GET", "auth-files", 30, rewrites=False, repeatable=True, secret=True, download=False),
    Route(
        "GET",
        "auth-files/models",
        10,
        rewrites=False,
        repeatable=True,
        secret=False,
        download=False,
    ),
    Route(
        "GET",
        "auth-files/download",
        30,
        rewrites=False,
        repeatable=True,
        secret=True,
        download=True,
    ),
    Route("POST", "auth-files", 60, rewrites=False, repeatable=False, secret=False, download=False),
    Route(
        "DELETE", "auth-files", 30, rewrites=False, repeatable=False, secret=False, download=False
    ),
    Route(
        "PATCH",
        "auth-files/status",
        30,
        rewrites=True,
        repeatable=True,
        secret=False,
        download=False,
    ),
    Route(
        "PATCH",
        "auth-files/fields",
        30,
        rewrites=False,
        repeatable=False,
        secret=False,
        download=False,
    ),
    Route(
        "POST", "vertex/import", 30, rewrites=False, repeatable=False, secret=False, download=False
    ),
    Route("POST", "reset-quota", 15, rewrites=False, repeatable=True, secret=False, download=False),
    Route(
        "GET",
        "anthropic-auth-url",
        15,
        rewrites=False,
        repeatable=False,
        secret=True,
        download=False,
    ),
    Route(
        "GET", "codex-auth-url", 15, rewrites=False, repeatable=False, secret=True, download=False
    ),
    Route(
        "GET",
        "antigravity-auth-url",
        15,
        rewrites=False,
        repeatable=False,
        secret=True,
        download=False,
    ),
    Route(
        "GET", "kimi-auth-url", 45, rewrites=False, repeatable=False, secret=True, download=False
    ),
    Route("GET", "xai-auth-url", 45, rewrites=False, repeatable=False, secret=True, download=False),
    Route(
        "GET",
        "someplugin-auth-url",
        45,
        rewrites=False,
        repeatable=False,
        secret=False,
        download=False,
    ),
    Route(
        "GET", "get-auth-status", 15, rewrites=False, repeatable=True, secret=False, download=False
    ),
    Route(
        "POST", "oauth-callback", 15, rewrites=False, repeatable=False, secret=True, download=False
    ),
    Route(
        "GET", "oauth-callback", 15, rewrites=False, repeatable=False, secret=True, download=False
    ),
    Route(
        "DELETE", "oauth-session", 10, rewrites=False, repeatable=True, secret=False, download=False
    ),
    Route("POST", "api-call", 75, rewrites=False, repeatable=False, secret=True, download=False),
    Route(
        "GET",
        "model-definitions/codex",
        10,
        rewrites=False,
        repeatable=True,
        secret=False,
        download=False,
    ),
    Route("GET", "logs", 30, rewrites=False, repeatable=True, secret=True, download=False),
    Route("DELETE", "logs", 30, rewrites=False, repeatable=True, secret=False, download=False),
    Route(
        "GET",
        "request-error-logs",
        15,
        rewrites=False,
        repeatable=True,
        secret=False,
        download=False,
    ),
    Route(
        "GET",
        "request-error-logs/error-v1-chat-completions-2026-11-23T172843-949ae9ce.log",
        300,
        rewrites=False,
        repeatable=True,
        secret=True,
        download=True,
    ),
    Route(
        "GET",
        "request-log-by-id/949ae9ce",
        300,
        rewrites=False,
        repeatable=True,
        secret=True,
        download=True,
    ),
    Route("GET", "plugins", 15, rewrites=False, repeatable=True, secret=True, download=False),
    Route(
        "GET",
        "plugins/some-plugin/config",
        15,
        rewrites=False,
        repeatable=True,
        secret=True,
        download=False,
    ),
    Route(
        "PUT",
        "plugins/some-plugin/config",
        15,
        rewrites=True,
        repeatable=False,
        secret=False,
        download=False,
    ),
    Route(
        "PATCH",
        "plugins/some-plugin/config",
        15,
        rewrites=True,
        repeatable=False,
        secret=False,
        download=False,
    ),
    Route(
        "PATCH",
        "plugins/some-plugin/enabled",
        15,
        rewrites=True,
        repeatable=False,
        secret=False,
        download=False,
    ),
    Route(
        "DELETE",
        "plugins/some-plugin",
        60,
        rewrites=True,
        repeatable=False,
        secret=False,
        download=False,
    ),
    Route("GET", "plugin-store", 60, rewrites=False, repeatable=True, secret=False, download=False),
    Route(
        "POST",
        "plugin-store/some-plugin/install",
        300,
        rewrites=True,
        repeatable=False,
        secret=False,
        download=False,
    ),
)
