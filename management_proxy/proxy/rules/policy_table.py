"""What the proxy lets through: one table, from contract section 10. What no row allows does not
pass.

The same path and method may have several rows: one for each form (a query member such as `all` or
`index`, or an emptied list) that needs a permission and a confirmation of its own.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Any

from django.utils.translation import gettext_noop as _

from management_proxy.client.limits import KIB, MIB, Limits
from management_proxy.proxy.rules.policy import (
    CHANGE_PLUGINS,
    DELETE_BY_INDEX,
    DELETE_EVERYTHING,
    EMPTY_LISTS,
    READ_SECRETS,
    BodyRule,
    Effect,
    Form,
    Mask,
    Policy,
    Role,
)

CONNECT_SECONDS = 3.0
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


def _within(first_byte: float, idle: float | None = None, total: float | None = None) -> Limits:
    """Limits of a row: the seconds that are not given are those until the first byte."""
    return Limits(CONNECT_SECONDS, first_byte, idle or first_byte, total or first_byte)


def _read(
    path: str,
    *query: str,
    seconds: float = 10,
    size: int = 64 * KIB,
    limits: Limits | None = None,
    **more: Any,
) -> Policy:
    row = {"retries": True, **more}
    row["limits"] = replace(limits or _within(seconds), response_bytes=size)
    return Policy(path=path, methods=("GET",), query=frozenset(query), **row)


def _write(methods: str, path: str, *query: str, size: int = 4 * KIB, **more: Any) -> Policy:
    row = {
        "effect": Effect.WRITE,
        "body": BodyRule.JSON,
        "limits": _within(15),
        "writes_through_funnel": True,
        **more,
    }
    names = frozenset(query)
    return Policy(path=path, methods=tuple(methods.split()), query=names, request_bytes=size, **row)


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
    put = _write("PUT", "config.yaml", size=8 * MIB, body=BodyRule.YAML, limits=_within(30))
    yield put
    yield replace(put, form=Form.EMPTY, permission=EMPTY_LISTS, confirmation="empty api-keys")
    yield _read("latest-version", seconds=15, reaches_beyond=True)
    yield _read("model-definitions/{channel}", size=MIB)


def _accounts() -> Iterator[Policy]:
    yield _read("auth-files", "name", "auth_index", seconds=30, size=64 * MIB, streams=True)
    yield _read("auth-files/models", "name", size=MIB)
    yield _read("auth-files/download", "name", seconds=30, size=MIB, permission=READ_SECRETS)
    yield from _account_writes()
    yield _write("POST", "reset-quota", writes_through_funnel=False)
    yield _read("api-key-usage", seconds=15, size=16 * MIB, masks=Mask.KEYS_IN_NAMES)


def _account_writes() -> Iterator[Policy]:
    direct: dict[str, Any] = {"limits": _within(30), "writes_through_funnel": False}
    large = {"response_bytes": MIB}
    upload = {**direct, "body": BodyRule.ANY, "limits": replace(_within(60, 15, 60), **large)}
    deletion = {**direct, "body": BodyRule.ANY, "limits": replace(_within(30), **large)}
    yield _write("POST", "auth-files", "name", size=16 * MIB, **upload)
    yield _write("DELETE", "auth-files", "name", size=64 * KIB, **deletion)
    yield _delete(
        "auth-files",
        "all",
        form=Form.ALL,
        permission=DELETE_EVERYTHING,
        confirmation="delete all auth files",
        **direct,
    )
    yield _write("PATCH", "auth-files/status", limits=_within(30))
    yield _write("PATCH", "auth-files/fields", size=64 * KIB, **direct)
    yield _write("POST", "vertex/import", "location", size=MIB, **{**direct, "body": BodyRule.ANY})


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
    # Without a state the upstream responds "ok", whatever happened.
    yield _read(
        "get-auth-status", "state", needs=frozenset({"state"}), seconds=15, role=Role.OAUTH_OWNER
    )
    bound: dict[str, Any] = {"role": Role.OAUTH_OWNER, "writes_through_funnel": False}
    yield _write("POST", "oauth-callback", **bound)
    yield _delete("oauth-session", "state", limits=_within(10), **bound)


def _logs() -> Iterator[Policy]:
    download: dict[str, Any] = {
        "seconds": 300,
        "size": 512 * MIB,
        "limits": _within(30, 30, 300),
        "streams": True,
        "masks": Mask.TEXT,
    }
    # Without a limit the upstream reads all of its files into one response.
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
    yield _delete("logs", limits=_within(30), writes_through_funnel=False)
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
    "GET usage-queue": _("Reading it destroys what it returns; only the collector may."),
    "POST api-call": _("Sends anything anywhere with any account's token."),
    "GET oauth-callback": _("Would carry an authorization code in an address; POST it instead."),
    "DELETE plugins/{plugin}": _("Removes native code of the upstream's host."),
    "POST plugin-store/{plugin}/install": _("Downloads native code to the upstream's host."),
}


@lru_cache(maxsize=1024)
def rows_for_path(path: str) -> tuple[Policy, ...]:
    """Every row for a path, whatever the method; empty if it is not listed. An exact path comes
    before a pattern."""
    exact = tuple(policy for policy in POLICIES if policy.path == path)
    return exact or tuple(
        policy for policy in POLICIES if "{" in policy.path and policy.pattern.fullmatch(path)
    )
