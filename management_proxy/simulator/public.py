"""What the upstream serves outside the management API (contract 9)."""

import re
from collections.abc import Callable
from typing import Any

from management_proxy.simulator.catalog import CHANNELS
from management_proxy.simulator.http.wire import Request, Response, empty, error, respond
from management_proxy.simulator.traffic.world import World

ENDPOINTS = ["POST /v1/chat/completions", "POST /v1/completions", "GET /v1/models"]
CALLBACKS = frozenset({"/anthropic/callback", "/codex/callback", "/antigravity/callback"})
PATHS = frozenset({"/", "/healthz", "/v1/models", *CALLBACKS})
CREATED = {model.name: model.created for models in CHANNELS.values() for model in models}
# A model of a custom provider came when the provider did.
ADDED = 1770912000
LOGGED_IN = b"<html><body><h1>Authentication successful!</h1></body></html>"


def serve(request: Request, config: dict[str, Any], world: Callable[[], World]) -> Response | None:
    """Return the response of a public path, or None for a path that is none."""
    if request.path == "/healthz":
        if request.method == "GET":
            return respond({"status": "ok"})
        return empty(200) if request.method == "HEAD" else None
    if request.method != "GET":
        return None
    if request.path == "/":
        return respond({"endpoints": ENDPOINTS, "message": "CLI Proxy API Server"})
    if request.path in CALLBACKS:
        return Response(200, LOGGED_IN, [("Content-Type", "text/html; charset=utf-8")])
    return _models(request, config, world()) if request.path == "/v1/models" else None


def client_key(request: Request) -> str:
    """Return the client key that a request presents; empty without one."""
    bearer = re.sub(
        r"^bearer\s+", "", request.headers.get("authorization", ""), flags=re.IGNORECASE
    )
    others = (request.headers.get("x-api-key"), request.headers.get("x-goog-api-key"))
    return (
        bearer
        or next((key for key in others if key), "")
        or request.first("key")
        or request.first("auth_token")
    )


def refusal(request: Request, config: dict[str, Any]) -> Response | None:
    """Return the response to a client key that is not listed; None lets the request pass."""
    allowed = {key.strip() for key in config.get("api-keys") or []} - {""}
    key = client_key(request)
    if allowed and not key:
        return error(401, "Missing API key")
    return error(401, "Invalid API key") if allowed and key not in allowed else None


def _models(request: Request, config: dict[str, Any], world: World) -> Response:
    if refused := refusal(request, config):
        return refused
    owners = {
        alias: (pool[0].provider, CREATED.get(name, ADDED))
        for pool in world.by_provider.values()
        for credential in pool
        for name, alias in credential.models
    }
    shown = [
        {"id": alias, "object": "model", "created": created, "owned_by": owner}
        for alias, (owner, created) in sorted(owners.items())
    ]
    return respond({"data": shown, "object": "list"})
