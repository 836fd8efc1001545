"""The protocols in which clients speak to an upstream, which serves every model in each of them.

One tiny request in each: one word is requested, and at most so many tokens as the protocol's
smallest limit allows (Responses refuses fewer than 16).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

PROMPT = "Reply with the word ok."
MOST_TOKENS = 16


@dataclass(frozen=True)
class Protocol:
    """One protocol: where a request for a model goes, its body, and the text of its response."""

    slug: str
    name: str
    # `{model}` is filled in.
    path: str
    body: Callable[[str], dict[str, Any]]
    text: Callable[[Any], str]

    def path_of(self, model: str) -> str:
        """Where a request for a model goes, below the upstream's root."""
        return self.path.replace("{model}", quote(model, safe="/"))


def _messages(model: str) -> dict[str, Any]:
    return {
        "model": model,
        "max_tokens": MOST_TOKENS,
        "messages": [{"role": "user", "content": PROMPT}],
    }


def _responses(model: str) -> dict[str, Any]:
    return {"model": model, "max_output_tokens": MOST_TOKENS, "input": PROMPT}


def _contents(model: str) -> dict[str, Any]:
    return {
        "contents": [{"role": "user", "parts": [{"text": PROMPT}]}],
        "generationConfig": {"maxOutputTokens": MOST_TOKENS},
    }


def _of_chat(body: Any) -> str:
    return str(body["choices"][0]["message"].get("content") or "")


def _of_response(body: Any) -> str:
    parts = [part for item in body["output"] for part in item.get("content") or []]
    return "".join(part["text"] for part in parts if part.get("type") == "output_text")


def _of_message(body: Any) -> str:
    return "".join(part["text"] for part in body["content"] if part.get("type") == "text")


def _of_candidate(body: Any) -> str:
    parts = body["candidates"][0]["content"].get("parts") or []
    return "".join(part.get("text", "") for part in parts)


PROTOCOLS = {
    protocol.slug: protocol
    for protocol in (
        Protocol("chat", "OpenAI Chat Completions", "v1/chat/completions", _messages, _of_chat),
        Protocol("responses", "OpenAI Responses", "v1/responses", _responses, _of_response),
        Protocol("messages", "Anthropic Messages", "v1/messages", _messages, _of_message),
        Protocol(
            "gemini",
            "Gemini",
            "v1beta/models/{model}:generateContent",
            _contents,
            _of_candidate,
        ),
    )
}
