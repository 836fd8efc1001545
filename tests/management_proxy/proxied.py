"""What the tests of the proxy share: a simulated upstream behind it, and people who call."""

import time
from collections.abc import Callable
from typing import Any

import httpx
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.test import Client

from config.sign_in.sessions import SessionStore
from management_proxy.proxy import pass_through
from management_proxy.proxy.attempts import close_pool
from management_proxy.proxy.limits import shared_breaker
from tests.factories import give_key, make_upstream, make_user
from tests.web_server import WebServer

TOKEN = "t" * 32
URL = "/api/management/"


def forget_everything() -> None:
    """What this process remembers of upstreams, whose numbers come again in the next test."""
    close_pool()
    shared_breaker._windows.clear()
    pass_through.retry_budget.cache_clear()
    pass_through.bulkhead.cache_clear()


def upstream_of(simulator: Any, name: str = "default") -> Any:
    upstream = make_upstream(name=name, management_url=simulator.management_url)
    give_key(upstream, simulator.key)
    upstream.save()
    return upstream


def signed_in(*, staff: bool = True) -> Client:
    """A browser that sends its CSRF token."""
    client = Client(enforce_csrf_checks=True, headers={"X-CSRFToken": TOKEN})
    client.cookies["csrftoken"] = TOKEN
    client.force_login(make_user(staff=staff))
    return client


def fault(simulator: Any, kind: str, path: str = "*", **fields: Any) -> None:
    httpx.post(
        f"{simulator.url}/__control/faults", json={"kind": kind, "path": f"*{path}", **fields}
    ).raise_for_status()


def request_count(simulator: Any, text: str = "") -> int:
    """To how many requests the upstream responded whose `METHOD path status` contains the text."""
    return int(simulator.app.tally.count(text))


def browser(server: WebServer) -> httpx.Client:
    """A signed-in member of staff, with all permissions."""
    user = make_user(staff=True)
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    cookies = {"sessionid": session.session_key or "", "csrftoken": TOKEN}
    return httpx.Client(
        base_url=server.url + URL, cookies=cookies, headers={"X-CSRFToken": TOKEN}, timeout=60
    )


def wait_until(condition: Callable[[], object], seconds: float = 60) -> None:
    """Return as soon as the condition holds; fail if it never does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
