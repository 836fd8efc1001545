"""The upstream's configuration as `GET /config` shows it for an empty file, in its order."""

import copy
from typing import Any

# Never shown by `GET /config` (contract 8.1).
HIDDEN_KEYS = frozenset({"host", "port", "remote-management", "auth-dir"})

_SHOWN: dict[str, Any] = {
    "proxy-url": "",
    "disable-image-generation": False,
    "force-model-prefix": False,
    "request-log": False,
    "claude-code": {"disable-cloaking-model-list": False},
    "api-keys": None,
    "passthrough-headers": False,
    "streaming": {},
    "tls": {"enable": False, "cert": "", "key": ""},
    "credential-concurrency": {
        "lifecycle-config-revision": 0,
        "observation-barrier-revision": 0,
        "cpa-heartbeat-timeout": 3000000000,
        "cpa-cancel-bound": 5000000000,
        "reclaim-grace": 5000000000,
        "cleanup-interval": 5000000000,
        "release-flush-interval": 250000000,
        "release-max-backoff": 2000000000,
        "busy-retry-min": 250000000,
        "busy-retry-max": 1000000000,
        "max-limit": 1000000,
    },
    "credential-in-flight": {
        "snapshot-interval": "2s",
        "stale-after": "10s",
        "max-part-bytes": 262144,
        "max-part-count": 64,
        "max-revision-bytes": 16777216,
        "max-aggregate-groups": 100000,
        "max-details": 10000,
        "max-string-bytes": 256,
        "staging-retention": "1m",
    },
    "plugins": {"enabled": False, "dir": "plugins", "configs": {}},
    "debug": False,
    "pprof": {"enable": False, "addr": "127.0.0.1:8316"},
    "commercial-mode": False,
    "logging-to-file": False,
    "logs-max-total-size-mb": 0,
    "error-logs-max-files": 10,
    "usage-statistics-enabled": False,
    "redis-usage-queue-retention-seconds": 60,
    "disable-cooling": False,
    "save-cooldown-status": False,
    "transient-error-cooldown-seconds": 0,
    "auth-auto-refresh-workers": 0,
    "request-retry": 0,
    "max-retry-credentials": 0,
    "max-retry-interval": 0,
    "quota-exceeded": {
        "switch-project": False,
        "switch-preview-model": False,
        "antigravity-credits": False,
    },
    "routing": {},
    "ws-auth": True,
    "antigravity": {},
    "gemini-api-key": None,
    "interactions-api-key": None,
    "codex-api-key": None,
    "xai-api-key": None,
    "xai": {"inject-x-search": False},
    "codex": {
        "identity-confuse": False,
        "disable-codex-cloaking": False,
        "stream-bootstrap-buffering": False,
        "optimize-multi-agent-v2": False,
        "live-media-relay": {
            "enabled": False,
            "max-sessions": 0,
            "disable-private-remote-ips": False,
            "public-ip": "",
            "udp-port-min": 0,
            "udp-port-max": 0,
            "ice-servers": None,
        },
    },
    "codex-header-defaults": {"user-agent": "", "beta-features": ""},
    "claude-api-key": None,
    "claude-header-defaults": {
        "user-agent": "",
        "package-version": "",
        "runtime-version": "",
        "os": "",
        "arch": "",
        "timeout": "",
        "timezone": "",
    },
    "disable-claude-cloak-mode": False,
    "openai-compatibility": None,
    "vertex-api-key": None,
    "payload": {
        "default": None,
        "default-raw": None,
        "override": None,
        "override-raw": None,
        "filter": None,
    },
}
_HIDDEN: dict[str, Any] = {
    "host": "",
    "port": 8317,
    "auth-dir": "/CLIProxyAPI/auths",
    "remote-management": {"allow-remote": False, "secret-key": ""},
}
# Written in the file as durations but shown as numbers; the simulator does not act on them.
UNREAD_KEYS = frozenset({"credential-concurrency", "credential-in-flight"})
# Shown only when set.
MAP_KEYS = ("oauth-excluded-models", "oauth-model-alias", "oauth-request-scoped-errors")
LIST_KEYS = (
    "gemini-api-key",
    "interactions-api-key",
    "claude-api-key",
    "codex-api-key",
    "xai-api-key",
    "vertex-api-key",
    "openai-compatibility",
)


def default_config() -> dict[str, Any]:
    return copy.deepcopy({**_HIDDEN, **_SHOWN})
