"""Every address with every method, for everyone: a refusal is a page for people and the error
envelope for scripts, never an empty response."""

import json
import re
from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import URLResolver, get_resolver

from tests.factories import make_user

pytestmark = pytest.mark.django_db
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")
PARAMETERS = {"int": "1", "slug": "some-thing", "family": "claude", "path": "some.json", "str": "x"}


def addresses(resolver: URLResolver, prefix: str = "/") -> Iterator[str]:
    """All addresses of ours with something for each parameter; the admin's are Django's."""
    for pattern in resolver.url_patterns:
        address = prefix + str(pattern.pattern)
        if address.startswith("/admin/"):
            continue
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern, address)
        else:
            filled = re.sub(r"<(\w+):\w+>", lambda found: PARAMETERS[found[1]], address)
            yield filled.replace("^", "") + ("usage-queue" if "^" in filled else "")


ADDRESSES = [*addresses(get_resolver()), "/no/such/page/", "/api/no/such/address"]


@pytest.fixture(params=["stranger", "user", "staff"])
def caller(request):
    client = Client()
    if request.param != "stranger":
        client.force_login(make_user("ada", staff=request.param == "staff"))
    return client


def fault_of(address: str, response) -> str:
    """What is wrong with a refusal; empty for anything else."""
    content = b"" if response.streaming else response.content
    if response.status_code < 400:
        return ""
    if address.startswith("/api/"):
        try:
            found = json.loads(content)["error"]
        except (ValueError, KeyError, TypeError):
            return f"no envelope: {content[:80]!r}"
        return "" if {"code", "message", "requestId"} <= set(found) else f"incomplete: {found}"
    is_text = response.headers["Content-Type"].startswith("text/plain") and content
    return "" if is_text or b"<h1" in content else f"no page: {content[:80]!r}"


def test_no_refusal_is_empty(caller):
    wrong = {}
    for address in ADDRESSES:
        for method in METHODS:
            response = caller.generic(method, address, HTTP_ACCEPT="*/*")
            if method != "HEAD" and (fault := fault_of(address, response)):
                wrong[method, address] = (response.status_code, fault)
            if response.status_code == 405:
                assert method not in response.headers["Allow"].split(", "), (method, address)
    assert wrong == {}


@pytest.mark.parametrize("address", ["/login/", "/api/usage/collect"])
def test_form_without_its_token_is_refused_with_words(address):
    client = Client(enforce_csrf_checks=True)
    client.force_login(make_user("ada", staff=True))
    response = client.post(address)
    assert response.status_code == 403
    assert fault_of(address, response) == ""
