"""The auth directory: files of OAuth accounts and how the listing shows them (contract 5.1)."""

import base64
import binascii
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from management_proxy.simulator.clock import NANOSECONDS, Clock, go_timestamp
from management_proxy.simulator.http.wire import go_json
from management_proxy.simulator.profiles import Profile
from management_proxy.simulator.results import Results

AUTH_DIR = "/CLIProxyAPI/auths"
CLAIMS = "https://api.openai.com/auth"
SHOWN_CLAIMS = (
    "chatgpt_account_id",
    "plan_type",
    "chatgpt_subscription_active_start",
    "chatgpt_subscription_active_until",
)
OPTIONAL_FIELDS = ("note", "priority", "project_id", "request_retry", "websockets", "weight")


class InvalidAuthFile(Exception):
    """The content is no JSON object."""


@dataclass(frozen=True)
class AuthFile:
    """One JSON file of the auth directory."""

    name: str
    raw: bytes
    content: dict[str, Any]
    created_at: float
    modified_at: float
    updated_at: float

    @property
    def provider(self) -> str:
        return str(self.content.get("type") or "unknown").lower()

    @property
    def path(self) -> str:
        return f"{AUTH_DIR}/{self.name}"

    @property
    def is_disabled(self) -> bool:
        return bool(self.content.get("disabled"))


class AuthDirectory:
    """All auth files, by name."""

    def __init__(
        self, clock: Clock, offset_minutes: int, profile: Profile, results: Results
    ) -> None:
        self._clock = clock
        self._offset = offset_minutes
        self._profile = profile
        self._results = results
        self._files: dict[str, AuthFile] = {}
        self.lock = threading.RLock()
        self.on_changed: Callable[[], None] = lambda: None

    def save(self, name: str, raw: bytes) -> AuthFile:
        """Write a file as it is; raises InvalidAuthFile unless it holds a JSON object."""
        content = _parsed(raw)
        now = self._clock()
        with self.lock:
            old = self._files.get(name)
            created = old.created_at if old else now
            file = self._files[name] = AuthFile(name, raw, content, created, now, now)
        self._results.reconnect(self.index(file))
        self.on_changed()
        return file

    def rewrite(self, file: AuthFile, content: dict[str, Any]) -> None:
        """Write changed content; the server marshals it anew, keys in order."""
        now = self._clock()
        raw = go_json(content, sort=True)
        with self.lock:
            self._files[file.name] = replace(
                file, raw=raw, content=content, modified_at=now, updated_at=now
            )
        self.on_changed()

    def remove(self, name: str) -> bool:
        with self.lock:
            file = self._files.pop(name, None)
        if file is None:
            return False
        self._results.forget(self.index(file))
        self.on_changed()
        return True

    def clear(self) -> int:
        names = list(self._files)
        return sum(self.remove(name) for name in names)

    def find(self, name: str) -> AuthFile | None:
        return self._files.get(name)

    def by_index(self, index: str) -> AuthFile | None:
        return next((file for file in self.all() if self.index(file) == index), None)

    def all(self) -> list[AuthFile]:
        with self.lock:
            return sorted(self._files.values(), key=lambda file: file.name.lower())

    def index(self, file: AuthFile) -> str:
        return self._profile.auth_file_index(file.provider, file.path, file.name)

    def shown(self, file: AuthFile) -> dict[str, Any]:
        """Return the listing's entry; its keys are alphabetical, as the server writes them."""
        index = self.index(file)
        entry: dict[str, Any] = {
            "auth_index": index,
            "created_at": self._instant(file.created_at),
            "disabled": file.is_disabled,
            "id": file.name,
            "modtime": self._instant(file.modified_at),
            "name": file.name,
            "path": file.path,
            "provider": file.provider,
            "runtime_only": False,
            "size": len(file.raw),
            "source": "file",
            "type": file.provider,
            "updated_at": self._instant(file.updated_at),
            **self._results.shown(index),
            **self._results.trouble(index),
            **_account(file.content),
        }
        if file.is_disabled:
            entry.update(status="disabled", status_message="", unavailable=False)
        entry.setdefault("label", file.provider)
        return dict(sorted(self._profile.shown_file(entry).items()))

    def _instant(self, seconds: float) -> str:
        return go_timestamp(int(seconds * NANOSECONDS), self._offset)


def _account(content: dict[str, Any]) -> dict[str, Any]:
    shown = {name: content[name] for name in OPTIONAL_FIELDS if content.get(name) not in (None, "")}
    email = content.get("email")
    if email:
        shown.update(account=email, account_type="oauth", email=email, label=email)
    claims = _claims(content.get("id_token"))
    if claims and content.get("type") == "codex":
        shown["id_token"] = claims
    return shown


def _claims(token: Any) -> dict[str, Any]:
    """Return the plan's claims of an identity token, unverified, as the listing shows them."""
    if not isinstance(token, str) or token.count(".") != 2:
        return {}
    payload = token.split(".")[1]
    try:
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))).get(
            CLAIMS, {}
        )
    except (ValueError, binascii.Error, AttributeError):
        return {}
    named = {**claims, "plan_type": claims.get("chatgpt_plan_type", claims.get("plan_type"))}
    return {name: named[name] for name in SHOWN_CLAIMS if named.get(name) is not None}


def identity_token(claims: dict[str, Any]) -> str:
    """Return an unsigned token that carries the claims of a Codex plan."""
    parts = ({"alg": "none", "typ": "JWT"}, {CLAIMS: claims})
    encoded = [base64.urlsafe_b64encode(go_json(part)).decode().rstrip("=") for part in parts]
    return ".".join([*encoded, "unsigned"])


def _parsed(raw: bytes) -> dict[str, Any]:
    text = raw.decode("utf-8", "replace")
    try:
        value = json.loads(text)
    except json.JSONDecodeError as problem:
        raise InvalidAuthFile(go_json_problem(text, problem.pos)) from problem
    except (ValueError, RecursionError) as problem:
        raise InvalidAuthFile(f"json: {problem}") from problem
    if not isinstance(value, dict):
        kind = {list: "array", str: "string", bool: "bool", int: "number", float: "number"}.get(
            type(value), "null"
        )
        raise InvalidAuthFile(
            f"json: cannot unmarshal {kind} into Go value of type map[string]interface {{}}"
        )
    return value


def go_json_problem(text: str, position: int) -> str:
    """Return about what Go reports of broken JSON."""
    rest = text[position:].lstrip()
    if not rest or position >= len(text):
        return "unexpected end of JSON input"
    before = text[:position].rstrip()
    place = (
        "beginning of object key string" if before.endswith(("{", ",")) else "beginning of value"
    )
    # Go reads bytes: of a byte-order mark it names the first.
    first = chr(rest.encode("utf-8", "replace")[0])
    return f"invalid character '{first}' looking for {place}"
