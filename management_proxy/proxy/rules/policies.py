"""What the proxy lets through: one table, from contract section 10. What no row allows does not
pass.

A row says for a path and methods who may call it, how large and how slow both bodies may be,
whether a failed call may be repeated, what of the answer is masked, whether a write is handed to
the funnel, and what confirmation a destructive form asks for. The same path and method may have
several rows: one for each form (a query member such as `all` or `index`, or an emptied list) that
needs a permission and a confirmation of its own.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property, lru_cache
from typing import Any

KIB, MIB = 1024, 1024 * 1024


class Role(StrEnum):
    """Who may call."""

    STAFF = "staff"
    SIGNED_IN = "any signed-in user"
    OAUTH_OWNER = "who began the login"


class Effect(StrEnum):
    """What a call does to the upstream, whatever its method is."""

    READ = "reads"
    START = "starts a login"
    WRITE = "writes"


class Mask(StrEnum):
    """How secrets are taken out of an answer (management_proxy/proxy/rules/response_masks.py)."""

    NOTHING = ""
    NAMED = "secrets by name"
    CLIENT_KEYS = "client keys"
    KEYS_IN_NAMES = "keys in names"
    LOG_LINES = "keys in log lines"
    YAML = "secrets in YAML"


class BodyRule(StrEnum):
    """What a request's body must be before anything is sent
    (management_proxy/proxy/rules/request_bodies.py)."""

    NONE = "no body"
    JSON = "JSON"
    KEY_LIST = "a key list"
    KEY_PATCH = "a change of an entry"
    PROVIDER_MAP = "a map of providers"
    YAML = "YAML"
    ANY = "anything"


class Form(StrEnum):
    """A form of a request that has a row of its own."""

    PLAIN = ""
    ALL = "all"
    INDEX = "index"
    EMPTY = "an empty list"


@dataclass(frozen=True)
class Limits:
    """Seconds: to connect, until the answer begins, for each further wait, and for everything
    together."""

    connect: float = 3.0
    first_byte: float = 10.0
    idle: float = 10.0
    total: float = 10.0

    @classmethod
    def of(cls, seconds: float) -> "Limits":
        return cls(first_byte=seconds, idle=seconds, total=seconds)


@dataclass(frozen=True, kw_only=True)
class Policy:
    """One row. `path` is below the management URL; a part in braces stands for what `PARAMETERS`
    says.

    `query` are the members that may be sent, `needs` those that must. `permission` is asked for
    besides the role; `confirmation` is what the header `X-Tollgate-Confirm` must say.
    """

    path: str
    methods: tuple[str, ...]
    role: Role = Role.STAFF
    effect: Effect = Effect.READ
    query: frozenset[str] = frozenset()
    needs: frozenset[str] = frozenset()
    form: Form = Form.PLAIN
    body: BodyRule = BodyRule.NONE
    request_bytes: int = 0
    response_bytes: int = 64 * KIB
    limits: Limits = Limits()
    retries: bool = False
    streams: bool = False
    masks: Mask = Mask.NOTHING
    writes_through_funnel: bool = False
    permission: str = ""
    confirmation: str = ""
    # The upstream asks others in turn: their faults and their slowness say nothing about the
    # upstream.
    reaches_beyond: bool = False
    # The body of a switch is worth reading in the trail, and holds no secret.
    audits_body: bool = False

    @property
    def audited(self) -> bool:
        return self.effect is not Effect.READ or self.permission == READ_SECRETS

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        parts = re.split(r"\{(\w+)\}", self.path)
        return re.compile(
            "".join(
                f"(?:{PARAMETERS[part]})" if odd % 2 else re.escape(part)
                for odd, part in enumerate(parts)
            )
        )

    def __str__(self) -> str:
        return f"{'/'.join(self.methods)} {self.path}" + (f" ({self.form})" if self.form else "")


PARAMETERS = {
    "log": r"[A-Za-z0-9][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*",
    "id": r"[A-Za-z0-9]{1,32}",
    "channel": r"[a-z0-9]+(?:-[a-z0-9]+)*",
    "plugin": r"[A-Za-z0-9_]+(?:-[A-Za-z0-9_]+)*",
}

READ_SECRETS = "management_proxy.read_secrets"
DELETE_EVERYTHING = "management_proxy.delete_all_auth_files"
EMPTY_LISTS = "management_proxy.empty_lists"
DELETE_BY_INDEX = "management_proxy.delete_by_index"
CHANGE_PLUGINS = "management_proxy.change_plugins"

SWITCHES = (
    "debug",
    "logging-to-file",
    "logs-max-total-size-mb",
    "error-logs-max-files",
    "request-log",
    "ws-auth",
    "request-retry",
    "max-retry-credentials",
    "max-retry-interval",
    "force-model-prefix",
    "routing/strategy",
    "quota-exceeded/switch-project",
    "quota-exceeded/switch-preview-model",
    "usage-statistics-enabled",
)
KEYED_LISTS = (
    "gemini-api-key",
    "interactions-api-key",
    "claude-api-key",
    "codex-api-key",
    "xai-api-key",
    "vertex-api-key",
)
NAMED_LIST = "openai-compatibility"
PROVIDER_MAPS = ("oauth-excluded-models", "oauth-model-alias", "oauth-request-scoped-errors")
LOGINS = ("anthropic", "codex", "antigravity", "kimi", "xai")

_READ = ("GET",)
_CONFIG_WRITE: dict[str, Any] = {
    "effect": Effect.WRITE,
    "limits": Limits.of(15),
    "writes_through_funnel": True,
}


def _read(path: str, *query: str, seconds: float = 10, size: int = 64 * KIB, **more: Any) -> Policy:
    row: dict[str, Any] = {
        "retries": True,
        "limits": Limits.of(seconds),
        "response_bytes": size,
        **more,
    }
    return Policy(path=path, methods=_READ, query=frozenset(query), **row)


def _write(methods: str, path: str, *query: str, size: int = 4 * KIB, **more: Any) -> Policy:
    row: dict[str, Any] = {"body": BodyRule.JSON, **_CONFIG_WRITE, "request_bytes": size, **more}
    return Policy(path=path, methods=tuple(methods.split()), query=frozenset(query), **row)


def _delete(path: str, *query: str, **more: Any) -> Policy:
    return _write("DELETE", path, *query, **{"body": BodyRule.NONE, "size": 0, **more})


def _switches() -> Iterator[Policy]:
    for path in SWITCHES:
        yield _read(path)
        yield _write("PUT PATCH", path, audits_body=True)
    yield _read("proxy-url", masks=Mask.NAMED)
    yield _write("PUT PATCH", "proxy-url")
    yield _delete("proxy-url")


def _list_rows(path: str, selectors: tuple[str, ...], size: int) -> Iterator[Policy]:
    mask = Mask.CLIENT_KEYS if path == "api-keys" else Mask.NAMED
    yield _read(path, seconds=10 if path == "api-keys" else 15, size=8 * MIB, masks=mask)
    put = _write("PUT", path, size=size, body=BodyRule.KEY_LIST)
    yield put
    yield replace(put, form=Form.EMPTY, permission=EMPTY_LISTS, confirmation=f"empty {path}")
    yield _write(
        "PATCH",
        path,
        *(("base-url",) if path in ("gemini-api-key", "interactions-api-key") else ()),
        size=64 * KIB,
        body=BodyRule.KEY_PATCH,
    )
    yield _delete(path, *selectors)
    yield _delete(
        path,
        "index",
        form=Form.INDEX,
        permission=DELETE_BY_INDEX,
        confirmation=f"delete {path} by index",
    )


def _key_lists() -> Iterator[Policy]:
    yield from _list_rows("api-keys", ("value",), MIB)
    for path in KEYED_LISTS:
        yield from _list_rows(path, ("api-key", "base-url"), 4 * MIB)
    yield from _list_rows(NAMED_LIST, ("name",), 4 * MIB)


def _provider_maps() -> Iterator[Policy]:
    for path in PROVIDER_MAPS:
        yield _read(path, size=MIB)
        put = _write("PUT", path, size=MIB, body=BodyRule.PROVIDER_MAP)
        yield put
        yield replace(put, form=Form.EMPTY, permission=EMPTY_LISTS, confirmation=f"empty {path}")
        yield _write("PATCH", path, size=64 * KIB)
        yield _delete(
            path, *(("provider",) if path == "oauth-excluded-models" else ("channel", "provider"))
        )


def _configuration() -> Iterator[Policy]:
    yield _read("config", seconds=15, size=16 * MIB, masks=Mask.NAMED)
    yield _read("config.yaml", seconds=15, size=8 * MIB, masks=Mask.YAML)
    put = _write("PUT", "config.yaml", size=8 * MIB, body=BodyRule.YAML, limits=Limits.of(30))
    yield put
    yield replace(put, form=Form.EMPTY, permission=EMPTY_LISTS, confirmation="empty api-keys")
    yield _read("latest-version", seconds=15, reaches_beyond=True)
    yield _read("model-definitions/{channel}", size=MIB)


def _accounts() -> Iterator[Policy]:
    slow = Limits.of(30)
    yield _read("auth-files", "name", "auth_index", seconds=30, size=64 * MIB, streams=True)
    yield _read("auth-files/models", "name", size=MIB)
    yield _read("auth-files/download", "name", seconds=30, size=MIB, permission=READ_SECRETS)
    upload: dict[str, Any] = {
        "body": BodyRule.ANY,
        "limits": Limits(first_byte=60, idle=15, total=60),
        "writes_through_funnel": False,
    }
    yield _write("POST", "auth-files", "name", size=16 * MIB, response_bytes=MIB, **upload)
    yield _write(
        "DELETE",
        "auth-files",
        "name",
        size=64 * KIB,
        body=BodyRule.ANY,
        limits=slow,
        writes_through_funnel=False,
        response_bytes=MIB,
    )
    yield _delete(
        "auth-files",
        "all",
        form=Form.ALL,
        permission=DELETE_EVERYTHING,
        confirmation="delete all auth files",
        limits=slow,
        writes_through_funnel=False,
    )
    yield _write("PATCH", "auth-files/status", limits=slow)
    yield _write(
        "PATCH", "auth-files/fields", size=64 * KIB, limits=slow, writes_through_funnel=False
    )
    yield _write(
        "POST",
        "vertex/import",
        "location",
        size=MIB,
        body=BodyRule.ANY,
        limits=slow,
        writes_through_funnel=False,
    )
    yield _write("POST", "reset-quota", writes_through_funnel=False)
    yield _read("api-key-usage", seconds=15, size=16 * MIB, masks=Mask.KEYS_IN_NAMES)


def _logins() -> Iterator[Policy]:
    start: dict[str, Any] = {
        "effect": Effect.START,
        "role": Role.SIGNED_IN,
        "retries": False,
        "reaches_beyond": True,
    }
    for name in LOGINS:
        yield _read(f"{name}-auth-url", seconds=45 if name in ("kimi", "xai") else 15, **start)
    yield _read("{plugin}-auth-url", seconds=45, **{**start, "role": Role.STAFF})
    # Without a state the upstream says "ok", whatever happened.
    yield _read(
        "get-auth-status", "state", needs=frozenset({"state"}), seconds=15, role=Role.OAUTH_OWNER
    )
    bound: dict[str, Any] = {"role": Role.OAUTH_OWNER, "writes_through_funnel": False}
    yield _write("POST", "oauth-callback", **bound)
    yield _delete("oauth-session", "state", limits=Limits.of(10), **bound)


def _logs() -> Iterator[Policy]:
    download: dict[str, Any] = {
        "seconds": 300,
        "size": 512 * MIB,
        "limits": Limits(first_byte=30, idle=30, total=300),
        "streams": True,
    }
    # Without a limit the upstream reads all of its files into one answer.
    yield _read(
        "logs",
        "after",
        "limit",
        "cursor",
        needs=frozenset({"limit"}),
        seconds=30,
        size=16 * MIB,
        masks=Mask.LOG_LINES,
    )
    yield _delete("logs", limits=Limits.of(30), writes_through_funnel=False)
    yield _read("request-error-logs", seconds=15)
    yield _read("request-error-logs/{log}", **download)
    yield _read("request-log-by-id/{id}", **download)


def _plugins() -> Iterator[Policy]:
    change: dict[str, Any] = {
        "size": 64 * KIB,
        "permission": CHANGE_PLUGINS,
        "writes_through_funnel": False,
    }
    yield _read("plugins", seconds=15, size=MIB, masks=Mask.NAMED)
    yield _read("plugins/{plugin}/config", seconds=15, size=MIB, masks=Mask.NAMED)
    yield _write("PUT PATCH", "plugins/{plugin}/config", **change)
    yield _write("PATCH", "plugins/{plugin}/enabled", **change)
    yield _read("plugin-store", seconds=60, size=MIB, reaches_beyond=True)


POLICIES: tuple[Policy, ...] = (
    *_configuration(),
    *_switches(),
    *_key_lists(),
    *_provider_maps(),
    *_accounts(),
    *_logins(),
    *_logs(),
    *_plugins(),
)

# Routes of the contract that never pass, and why; shown beside the table.
NEVER: dict[str, str] = {
    "GET usage-queue": "Reading it destroys what it returns; only the collector may.",
    "POST api-call": "Sends anything anywhere with any account's token.",
    "GET oauth-callback": "Would carry an authorization code in an address; POST it instead.",
    "DELETE plugins/{plugin}": "Removes native code of the upstream's host.",
    "POST plugin-store/{plugin}/install": "Downloads native code to the upstream's host.",
}


@lru_cache(maxsize=1024)
def rows_for_path(path: str) -> tuple[Policy, ...]:
    """Every row for a path, whatever the method; empty if it is not listed. An exact path comes
    before a pattern."""
    exact = tuple(policy for policy in POLICIES if policy.path == path)
    return exact or tuple(
        policy for policy in POLICIES if "{" in policy.path and policy.pattern.fullmatch(path)
    )
