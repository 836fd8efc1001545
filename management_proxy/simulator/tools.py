"""The remaining routes: api-call from a table, usage of keys, quota reset, imports, versions
(contract 5.9 and 8)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from management_proxy.simulator.accounts.files import AUTH_DIR, AuthDirectory
from management_proxy.simulator.catalog import models_of
from management_proxy.simulator.http.multipart import BadForm, read_files
from management_proxy.simulator.http.routing import Routes
from management_proxy.simulator.http.wire import (
    BadBody,
    Request,
    Response,
    error,
    go_json,
    member,
    read_json,
    read_object,
    respond,
)
from management_proxy.simulator.keys.loaded import LoadedKey
from management_proxy.simulator.results import Results

NO_NETWORK = "connect: network is unreachable"
# In a header it represents the credential's token, which is the first of these that its file has.
TOKEN = "$TOKEN$"
TOKEN_FIELDS = ("access_token", "token", "id_token", "cookie")
RELEASES = "https://api.github.com/repos/router-for-me/CLIProxyAPI/releases/latest"


@dataclass(frozen=True)
class Canned:
    """What `api-call` returns for addresses that start with a text."""

    url: str
    body: str
    status: int = 200
    header: dict[str, list[str]] = field(
        default_factory=lambda: {"Content-Type": ["application/json"]}
    )


CANNED = (
    Canned(
        "https://chatgpt.com/backend-api/wham/usage",
        '{"plan_type":"plus","rate_limit":{"allowed":true,"limit_reached":false,"primary_window":{"used_percent":37,'
        '"limit_window_seconds":18000,"reset_after_seconds":8456},"secondary_window":{"used_percent":12,'
        '"limit_window_seconds":604800,"reset_after_seconds":402113}}}',
    ),
    Canned(
        "https://api.anthropic.com/api/oauth/usage",
        '{"five_hour":{"utilization":41.0,"resets_at":"2026-11-23T18:00:00Z"},"seven_day":{"utilization":18.0,"resets_at":"2026-11-28T00:00:00Z"}}',
    ),
)
DEFAULT_CANNED = Canned("", '{"object": "list", "data": []}')


def _call_problem(method: str, url: str, proxy: str) -> str:
    if not method.strip():
        return "missing method"
    if not url.strip():
        return "missing url"
    if not _is_address(url):
        return "invalid url"
    return (
        ""
        if not proxy.strip() or proxy.strip() == "direct" or _is_address(proxy)
        else "invalid proxy_url"
    )


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text.strip())
    except ValueError:
        return False
    return bool(parts.scheme and parts.netloc)


class ToolRoutes:
    """Routes that need little of their own state."""

    def __init__(
        self, directory: AuthDirectory, results: Results, keys: Callable[[], list[LoadedKey]]
    ) -> None:
        self.directory = directory
        self.results = results
        self.keys = keys
        self.network = True
        self.latest = "v7.2.140"
        self.canned: list[Canned] = list(CANNED)

    def routes(self) -> Routes:
        return {
            ("POST", "api-call"): self.api_call,
            ("GET", "api-key-usage"): self.key_usage,
            ("GET", "latest-version"): self.latest_version,
            ("GET", "plugins"): self.plugins,
            ("POST", "reset-quota"): self.reset_quota,
            ("POST", "vertex/import"): self.import_vertex,
        }

    def api_call(self, request: Request) -> Response:
        body = read_object(request.body)
        index = member(body, "auth_index") or member(body, "authIndex") or ""
        header = member(body, "header") or {}
        method, url, data, proxy = (
            member(body, name) or "" for name in ("method", "url", "data", "proxy_url")
        )
        if not all(
            isinstance(text, str) for text in (index, method, url, data, proxy)
        ) or not isinstance(header, dict):
            raise BadBody("not texts")
        problem = _call_problem(method, url, proxy)
        if problem:
            return error(400, problem)
        if any(TOKEN in str(value) for value in header.values()) and self._lacks_token(
            index.strip()
        ):
            return error(400, "auth token not found")
        return self._canned_answer(url)

    def _lacks_token(self, index: str) -> bool:
        """Whether a credential is known and has no token; for an unknown one the call is made
        all the same."""
        file = self.directory.by_index(index)
        if file:
            return not any(file.content.get(name) for name in TOKEN_FIELDS)
        key = next((one for one in self.keys() if one.index == index), None)
        return key is not None and not key.api_key

    def _canned_answer(self, url: str) -> Response:
        found = next(
            (one for one in self.canned if url.strip().startswith(one.url)), DEFAULT_CANNED
        )
        header = {"Content-Length": [str(len(found.body.encode()))], **found.header}
        return respond({"status_code": found.status, "header": header, "body": found.body})

    def key_usage(self, _request: Request) -> Response:
        usage: dict[str, dict[str, Any]] = {}
        for key in self.keys():
            usage.setdefault(key.provider, {})[f"{key.base_url}|{key.api_key}"] = (
                self.results.shown(key.index)
            )
        return respond(
            {provider: dict(sorted(usage[provider].items())) for provider in sorted(usage)}
        )

    def latest_version(self, _request: Request) -> Response:
        if not self.network:
            problem = f'Get "{RELEASES}": dial tcp: lookup api.github.com: {NO_NETWORK}'
            return error(502, "request_failed", message=problem)
        return respond({"latest-version": self.latest})

    def plugins(self, _request: Request) -> Response:
        return respond({"plugins_enabled": False, "plugins_dir": "plugins", "plugins": []})

    def reset_quota(self, request: Request) -> Response:
        try:
            index = member(read_object(request.body), "auth_index", "")
        except BadBody:
            return error(400, "invalid request body")
        if not isinstance(index, str):
            return error(400, "invalid request body")
        if not index.strip():
            return error(400, "auth_index is required")
        provider = self._provider_of(index.strip())
        if provider is None:
            return error(404, "auth not found")
        tracked = self.results.reset_quota(index.strip())
        models = tracked or [model.name for model in models_of(provider)]
        return respond({"auth_index": index.strip(), "models": models, "status": "ok"})

    def _provider_of(self, index: str) -> str | None:
        file = self.directory.by_index(index)
        if file:
            return file.provider
        return next((key.provider for key in self.keys() if key.index == index), None)

    def import_vertex(self, request: Request) -> Response:
        try:
            files = read_files(request.headers.get("content-type", ""), request.body)
        except BadForm:
            files = []
        if not files:
            return error(400, "file required")
        try:
            account = read_json(files[0][1])
        except BadBody as problem:
            return error(400, "invalid json", message=str(problem))
        if not isinstance(account, dict) or "private_key" not in account:
            return error(400, "invalid service account", message="private_key missing")
        project = str(account.get("project_id") or "").strip()
        if not project:
            return error(400, "project_id missing")
        return self._save_vertex(
            account, project, request.first("location").strip() or "us-central1"
        )

    def _save_vertex(self, account: dict[str, Any], project: str, location: str) -> Response:
        name = f"vertex-{project}.json"
        email = str(account.get("client_email") or "")
        content = {"type": "vertex", "project_id": project, "email": email, "location": location}
        self.directory.save(name, go_json({**content, "service_account": account}, sort=True))
        saved = {"auth-file": f"{AUTH_DIR}/{name}", "email": email, "location": location}
        return respond({**saved, "project_id": project, "status": "ok"})
