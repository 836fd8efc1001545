"""Single requests of clients, in the protocols that the upstream serves: who may send them, which
model they reach, and the event that each makes (contract 2.9, 9).

Every model is served in every protocol, since the upstream translates. The response is always one
word; what else can happen is made by faults.
"""

import re
from typing import Any

from management_proxy.simulator.clock import NANOSECONDS
from management_proxy.simulator.http.wire import BadBody, Request, Response, read_object, respond
from management_proxy.simulator.profiles import Profile
from management_proxy.simulator.public import client_key, refusal
from management_proxy.simulator.traffic.tokens import Used
from management_proxy.simulator.traffic.world import FAMILIES, Credential, World
from management_proxy.simulator.upstream import Upstream

# The version from which an unknown model is the request's fault.
MODEL_NOT_FOUND_SINCE = (7, 2, 121)
WORD = "ok"
USED = Used(uncached=9, spoken=1)
_GEMINI = re.compile(r"/v1beta/models/(.+):generateContent")
_PATHS = ("/v1/chat/completions", "/v1/responses", "/v1/messages")


def serve(request: Request, upstream: Upstream) -> Response | None:
    """Return the response to a request for a completion, or None for any other."""
    gemini = _GEMINI.fullmatch(request.path)
    if request.method != "POST" or not (gemini or request.path in _PATHS):
        return None
    if refused := refusal(request, upstream.state.store.memory):
        return refused
    try:
        model = gemini[1] if gemini else str(read_object(request.body).get("model") or "")
    except BadBody as problem:
        return _error(400, f"Invalid request: {problem}", "invalid_request_error")
    found = _credential(upstream.state.world(), model)
    if found is None:
        return _unknown(model, request.path, upstream.state.profile)
    endpoint = "/v1beta/models/*action" if gemini else request.path
    _record(upstream, request, found, f"POST {endpoint}")
    return respond(_RESULTS[endpoint](model))


def _error(status: int, message: str, kind: str, **more: str) -> Response:
    return respond({"error": {"message": message, "type": kind, **more}}, status)


def _unknown(model: str, path: str, profile: Profile) -> Response:
    text = f"unknown provider for model {model}"
    if not profile.since(MODEL_NOT_FOUND_SINCE):
        return _error(502, text, "server_error", code="internal_server_error")
    if path == "/v1/messages":
        of_anthropic = {"type": "invalid_request_error", "message": text}
        return respond({"type": "error", "error": of_anthropic}, 400)
    return _error(400, text, "invalid_request_error", code="model_not_found", param="model")


def _credential(world: World, alias: str) -> tuple[Credential, str, str] | None:
    return next(
        (
            (credential, name, known)
            for pool in world.by_provider.values()
            for credential in pool
            for name, known in credential.models
            if known == alias
        ),
        None,
    )


def _record(
    upstream: Upstream, request: Request, found: tuple[Credential, str, str], endpoint: str
) -> None:
    credential, model, alias = found
    traffic, now = upstream.state.traffic, upstream.options.clock()
    shared = {
        "client_ip": request.peer,
        "x_forwarded_for": request.headers.get("x-forwarded-for", ""),
        "user_agent": request.headers.get("user-agent", ""),
        "model": model,
        "alias": alias,
        "endpoint": endpoint,
        "api_key": client_key(request),
        "request_id": traffic.ids.new(),
        "reasoning_effort": "",
        "service_tier": "auto",
    }
    family = FAMILIES[credential.family]
    instant = int(now * NANOSECONDS)
    event = traffic.event(shared, credential, family, instant, (40, 40), USED, None, None)
    upstream.record([event])


def _chat(model: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": WORD}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1770912000,
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10},
    }


def _response(model: str) -> dict[str, Any]:
    part = {"type": "output_text", "annotations": [], "text": WORD}
    message = {"type": "message", "status": "completed", "role": "assistant", "content": [part]}
    return {
        "id": "resp_1",
        "object": "response",
        "status": "completed",
        "model": model,
        "output": [message],
        "usage": {"input_tokens": 9, "output_tokens": 1, "total_tokens": 10},
    }


def _message(model: str) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [{"type": "text", "text": WORD}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 9, "output_tokens": 1},
    }


def _content(model: str) -> dict[str, Any]:
    content = {"role": "model", "parts": [{"text": WORD}]}
    counts = {"promptTokenCount": 9, "candidatesTokenCount": 1, "totalTokenCount": 10}
    return {
        "candidates": [{"index": 0, "content": content, "finishReason": "STOP"}],
        "modelVersion": model,
        "usageMetadata": counts,
    }


_RESULTS = {
    "/v1/chat/completions": _chat,
    "/v1/responses": _response,
    "/v1/messages": _message,
    "/v1beta/models/*action": _content,
}
