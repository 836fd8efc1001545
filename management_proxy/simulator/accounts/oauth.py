"""OAuth logins: starting, polling, delivering the code, cancelling (contract 7).

A session is pending until a code arrives (or a device flow is approved), then finished after a
moment; a finished one is kept for a minute, an idle one for half an hour. A code or approval
whose text starts with `bad` fails.
"""

import random
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from management_proxy.simulator.accounts.files import AuthDirectory
from management_proxy.simulator.accounts.flows import ALIASES, FILE_TYPES, FLOWS, Flow
from management_proxy.simulator.clock import NANOSECONDS, Clock
from management_proxy.simulator.http.routing import Routes
from management_proxy.simulator.http.wire import (
    BadBody,
    Request,
    Response,
    error,
    go_json,
    member,
    read_object,
    respond,
)
from management_proxy.simulator.profiles import UNKNOWN_STATE_REPORTED_SINCE, Profile

FINISHED_SECONDS = 60.0
LONGEST_SESSION_SECONDS = 30 * 60.0
CALLBACK_SECONDS = 5 * 60.0
STATE = re.compile(r"[A-Za-z0-9._-]{1,128}")
FAILED_EXCHANGE = "Failed to exchange authorization code for tokens"


@dataclass
class Session:
    """One login under way, or just over."""

    state: str
    provider: str
    started_at: float
    finish_at: float | None = None
    outcome: str = ""
    status: str = "wait"
    problem: str = ""
    finished_at: float = 0.0


class OAuth:
    """All sessions."""

    def __init__(self, clock: Clock, profile: Profile, directory: AuthDirectory, seed: int) -> None:
        self._clock = clock
        self._profile = profile
        self._directory = directory
        self._random = random.Random(seed)
        self._lock = threading.RLock()
        self.sessions: dict[str, Session] = {}
        self.exchange_seconds = 0.2
        self.network = True
        self._logins = 0

    def routes(self) -> Routes:
        starts: Routes = {
            ("GET", f"{name}-auth-url"): self._start_of(flow) for name, flow in FLOWS.items()
        }
        return {
            **starts,
            ("GET", "get-auth-status"): self.poll,
            ("POST", "oauth-callback"): self.callback,
            ("GET", "oauth-callback"): self.callback,
            ("DELETE", "oauth-session"): self.cancel,
        }

    def _start_of(self, flow: Flow) -> Callable[[Request], Response]:
        return lambda _request: self.start(flow)

    def start(self, flow: Flow) -> Response:
        if flow.device_prefix and not self.network:
            return error(500, "failed to generate authorization url")
        now = self._clock()
        random_hex = f"{self._random.getrandbits(128):032x}"
        state = (
            f"{flow.device_prefix}-{int(now * NANOSECONDS)}" if flow.device_prefix else random_hex
        )
        with self._lock:
            self.sessions[state] = Session(state, flow.name, now)
        if not flow.device_prefix:
            return respond({"state": state, "status": "ok", "url": self._address(flow, state)})
        code = f"{self._random.getrandbits(32):08X}"
        shown = {"expires_in": 1800, "flow": "device", "state": state, "status": "ok"}
        return respond({**shown, "url": f"{flow.address}?user_code={code}", "user_code": code})

    def _address(self, flow: Flow, state: str) -> str:
        query = {
            "client_id": flow.client,
            "code_challenge": f"{self._random.getrandbits(256):043x}"[:43],
            "code_challenge_method": "S256",
            "redirect_uri": flow.callback,
            "response_type": "code",
            "scope": flow.scope,
            "state": state,
        }
        return f"{flow.address}?{urlencode(query)}"

    def settle(self) -> None:
        """Finish the logins whose moment has come, and forget the old ones."""
        now = self._clock()
        with self._lock:
            for session in list(self.sessions.values()):
                if session.status == "wait":
                    self._advance(session, now)
                if (
                    session.status == "ok" and now - session.finished_at > FINISHED_SECONDS
                ) or now - session.started_at > LONGEST_SESSION_SECONDS:
                    del self.sessions[session.state]

    def _advance(self, session: Session, now: float) -> None:
        if session.finish_at is not None and session.finish_at <= now:
            if session.outcome.startswith("bad"):
                self._fail(session, FAILED_EXCHANGE)
            else:
                self._succeed(session, now)
        elif session.finish_at is None and now - session.started_at > self._patience(session):
            is_device = FLOWS[session.provider].device_prefix
            self._fail(
                session,
                "Authentication failed" if is_device else "Timeout waiting for OAuth callback",
            )

    @staticmethod
    def _patience(session: Session) -> float:
        return (
            LONGEST_SESSION_SECONDS if FLOWS[session.provider].device_prefix else CALLBACK_SECONDS
        )

    @staticmethod
    def _fail(session: Session, problem: str) -> None:
        session.status, session.problem = "error", problem

    def _succeed(self, session: Session, now: float) -> None:
        self._logins += 1
        kind = FILE_TYPES.get(session.provider, session.provider)
        email = f"login{self._logins}@example.com"
        content = {
            "type": kind,
            "email": email,
            "access_token": f"{kind}-token-{self._logins}",
            "disabled": False,
        }
        name = f"kimi-{int(now * 1000)}.json" if kind == "kimi" else f"{kind}-{email}.json"
        self._directory.save(name, go_json(content, sort=True))
        session.status, session.finished_at = "ok", now

    def poll(self, request: Request) -> Response:
        self.settle()
        state = request.first("state").strip()
        if not state:
            return respond({"status": "ok"})
        if not _is_state(state):
            return respond({"error": "invalid state", "status": "error"}, 400)
        session = self.sessions.get(state)
        if session is None:
            known = self._profile.since(UNKNOWN_STATE_REPORTED_SINCE)
            return respond(
                {"error": "unknown or expired state", "status": "error"}
                if known
                else {"status": "ok"}
            )
        if session.status == "error":
            return respond({"error": session.problem, "status": "error"})
        return respond({"status": session.status})

    def callback(self, request: Request) -> Response:
        self.settle()
        try:
            given = _callback_values(request)
        except BadBody:
            return _refused(400, "invalid body")
        state, code, denied = given["state"], given["code"], given["error"]
        if not state:
            return _refused(400, "state is required")
        if not _is_state(state):
            return _refused(400, "invalid state")
        if not code and not denied:
            return _refused(400, "code or error is required")
        return self._deliver(given)

    def _deliver(self, given: dict[str, str]) -> Response:
        provider = ALIASES.get(given["provider"], given["provider"])
        if provider and provider not in FLOWS:
            return _refused(400, "unsupported provider")
        with self._lock:
            session = self.sessions.get(given["state"])
            if session is None:
                return _refused(404, "unknown or expired state")
            if provider and provider != session.provider:
                return _refused(400, "provider does not match state")
            if session.status == "error":
                return _refused(409, session.problem)
            if session.status == "ok":
                return _refused(409, "oauth flow is already completed")
            if given["error"]:
                self._fail(session, "Bad Request" if session.provider == "codex" else "Bad request")
            else:
                self.finish(session, given["code"])
        return respond({"status": "ok"})

    def finish(self, session: Session, outcome: str) -> None:
        session.outcome, session.finish_at = outcome, self._clock() + self.exchange_seconds

    def cancel(self, request: Request) -> Response:
        state = request.first("state").strip()
        if not state:
            return respond({"error": "missing state", "status": "error"}, 400)
        if not _is_state(state):
            return respond({"error": "invalid state", "status": "error"}, 400)
        self.settle()
        with self._lock:
            session = self.sessions.get(state)
            cancelled = session is not None and session.status == "wait"
            if cancelled:
                del self.sessions[state]
        return respond({"cancelled": cancelled, "status": "ok"})


def _refused(status: int, text: str) -> Response:
    return respond({"error": text, "status": "error"}, status)


def _is_state(state: str) -> bool:
    return bool(STATE.fullmatch(state)) and ".." not in state


def _callback_values(request: Request) -> dict[str, str]:
    names = ("provider", "redirect_url", "code", "state", "error")
    if request.method == "GET":
        given: dict[str, Any] = {name: request.first(name) for name in names}
    else:
        body = read_object(request.body)
        given = {name: member(body, name) or "" for name in names}
    if not all(isinstance(value, str) for value in given.values()):
        raise BadBody("not texts")
    pasted = parse_qs(urlsplit(given["redirect_url"]).query)
    values = {
        name: (given[name] or pasted.get(name, [""])[0]).strip()
        for name in ("code", "state", "error")
    }
    return {**values, "provider": given["provider"].strip().lower()}
