"""Requests to an upstream with a client key: its models, and one tiny request for one of them.

A refused client key counts towards no ban, which only the management API has; our own access stays
as it is. Nothing is repeated.
"""

import time
from dataclasses import dataclass, field

import msgspec

from management_proxy.client.discovery import LONGEST_NAME, MOST_MODELS
from management_proxy.client.errors import KeyRejected, Unintelligible
from management_proxy.client.http import ManagementClient
from management_proxy.client.limits import MIB, Limits
from management_proxy.client.responses import json_object
from management_proxy.client_api.addresses import root_of
from management_proxy.client_api.protocols import Protocol
from management_proxy.models import Upstream

LISTING = Limits.of(5, response_bytes=4 * MIB)
# A provider may think for a while before one word.
TRIAL = Limits.of(30, total=40, response_bytes=MIB)
_ANY_STATUS = range(100, 600)


@dataclass(frozen=True)
class ServedModel:
    """A model as clients name it, who it is of in the upstream's words (`anthropic`), and when it
    came out, in seconds since 1970 (0: not reported)."""

    name: str
    owner: str
    created: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Reply:
    """A complete response of any status, after so many seconds."""

    status: int
    body: bytes
    seconds: float

    def text(self, protocol: Protocol) -> str:
        """What the model wrote. Raises Unintelligible where the response is not the protocol's."""
        try:
            return protocol.text(json_object(self.body))
        except (KeyError, IndexError, TypeError, AttributeError) as error:
            raise Unintelligible(f"the response is not one of {protocol.name}", 200) from error


def served_models(upstream: Upstream, key: str) -> list[ServedModel]:
    """The models that clients may name, by owner and name. Raises UpstreamError; KeyRejected here
    is the client's key."""
    response = _client(upstream, key).call("GET", "v1/models", LISTING)
    entries = json_object(response.body).get("data")
    if not isinstance(entries, list):
        raise Unintelligible("the list of models is not a list", 200)
    found = {
        ServedModel(
            entry["id"],
            str(entry.get("owned_by") or "")[:LONGEST_NAME],
            _instant(entry.get("created")),
        )
        for entry in entries[:MOST_MODELS]
        if isinstance(entry, dict) and _is_name(entry.get("id"))
    }
    return sorted(found, key=lambda model: (model.owner, model.name))


def send_tiny(upstream: Upstream, key: str, protocol: Protocol, model: str) -> Reply:
    """Request one word of a model, which costs a few tokens. Raises UpstreamError only where no
    complete response came."""
    started = time.monotonic()
    response = _client(upstream, key).call(
        "POST", protocol.path_of(model), TRIAL, accept=_ANY_STATUS, json=protocol.body(model)
    )
    return Reply(response.status, response.body, time.monotonic() - started)


def _client(upstream: Upstream, key: str) -> ManagementClient:
    if not key.isascii() or not key.isprintable():
        raise KeyRejected("the client key holds characters that cannot be sent")
    return ManagementClient(root_of(upstream), key)


def _instant(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def _is_name(value: object) -> bool:
    return isinstance(value, str) and value.isprintable() and 0 < len(value) <= LONGEST_NAME


def error_text(body: bytes) -> tuple[str, bool]:
    """The message of an error's body, and whether the upstream itself wrote it: its own errors are
    texts, those of providers and routing are objects (contract 2.9)."""
    try:
        error = msgspec.json.decode(body)["error"]
        return (error, True) if isinstance(error, str) else (str(error["message"]), False)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError, TypeError):
        return "", False
