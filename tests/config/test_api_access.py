"""Every JSON address there is, by everybody who has no business there: a new view cannot forget to
ask."""

from collections.abc import Iterator
from itertools import product

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from management_proxy.tokens.actions import create_token
from tests.factories import make_upstream, make_user

pytestmark = pytest.mark.django_db
VALUES = {"int": "1", "str": "x", "slug": "x", "path": "x", "family": "claude"}


def addresses(patterns=None, before: str = "/") -> Iterator[str]:
    """An address for every route below /api/."""
    for pattern in patterns or get_resolver().url_patterns:
        route = before + str(pattern.pattern).lstrip("^")
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern) and route.startswith("/api/"):
            for converter, value in VALUES.items():
                while f"<{converter}:" in route:
                    start = route.index(f"<{converter}:")
                    route = route[:start] + value + route[route.index(">", start) + 1 :]
            yield route + ("debug" if route == "/api/management/" else "")


ADDRESSES = sorted(set(addresses()))


def statuses(
    client: Client, methods: tuple[str, ...], addresses: list[str] = ADDRESSES
) -> dict[str, int]:
    found = {}
    for address in addresses:
        for method in methods:
            response = client.generic(method, address)
            if response.streaming:
                response.getvalue()  # an export holds a transaction until it is read
            found[f"{method} {address}"] = response.status_code
    return found


def bearer(user, scope: str, **limits) -> Client:
    return Client(
        headers={
            "Authorization": (
                f"Bearer {create_token(user, f'{scope} {limits}'[:60], scope, **limits)[1]}"
            )
        }
    )


def test_there_are_addresses_to_walk():
    assert len(ADDRESSES) > 8


def test_strangers_get_nothing_anywhere():
    wrong = {
        name: status
        for name, status in statuses(Client(), ("GET", "POST", "PUT", "PATCH", "DELETE")).items()
        if status not in (401, 403, 405)
    }
    # It shows strangers no more than whether all is well.
    assert wrong == {"GET /api/health": 200}
    assert Client().get("/api/health").json() == {"status": "ok"}


def test_endlessly_nested_body_is_a_clear_refusal_anywhere():
    make_upstream(from_environment=True)
    script = bearer(make_user(staff=True), "write")
    sent = [(method, address) for method in ("POST", "PUT", "PATCH") for address in ADDRESSES]
    found = {
        name: script.generic(*name, "[" * 100_000, content_type="application/json").status_code
        for name in sent
    }
    assert {
        name: status for name, status in found.items() if not 400 <= status < 500 and status != 503
    } == {}


def test_reading_token_changes_nothing_anywhere():
    script = bearer(make_user(staff=True), "read")
    wrong = {
        name: status
        for name, status in statuses(script, ("POST", "PUT", "PATCH", "DELETE")).items()
        if status not in (403, 404, 405)
    }
    assert wrong == {}


def test_token_of_one_upstream_gets_nothing_of_another_anywhere():
    east, west = make_upstream(name="east"), make_upstream(name="west", from_environment=True)
    script = bearer(make_user(staff=True), "destroy", upstreams=[east])
    addresses = [
        address.replace("debug", f"@{west.name}/debug")
        + f"?upstream={west.name}&from=2026-01-01&to=2026-01-02"
        for address in ADDRESSES
    ]
    wrong = {
        name: status
        for name, status in statuses(
            script, ("GET", "POST", "PUT", "PATCH", "DELETE"), addresses
        ).items()
        if status < 400 or status >= 500
    }
    assert wrong == {}


def test_every_refusal_everywhere_has_the_one_form():
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(make_user(staff=True))
    wrong, refusals = [], 0
    for client, method, address in product(
        (Client(), browser), ("GET", "POST", "PUT", "TRACE"), ADDRESSES
    ):
        response = client.generic(method, address)
        if response.streaming:
            response.getvalue()  # an export holds a transaction until it is read
        if response.status_code >= 400:
            refusals += 1
            wrong += [] if is_envelope(response) else [(method, address)]
    assert refusals > len(ADDRESSES)
    assert wrong == []


def is_envelope(response) -> bool:
    if response["Content-Type"] != "application/json":
        return False
    error = response.json()["error"]
    return (
        set(error) - {"details"} == {"code", "message", "requestId"}
        and error["requestId"] == response["X-Request-Id"]
    )


def test_session_without_a_csrf_token_changes_nothing_anywhere():
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(make_user(staff=True))
    wrong = {
        name: status
        for name, status in statuses(browser, ("POST", "PUT", "PATCH", "DELETE")).items()
        if status not in (403, 404, 405)
    }
    assert wrong == {}
