"""Every address with every method, for everyone: a refusal is a page for people and the error
envelope for scripts, never an empty response."""

import json
import re

import pytest
from django.test import Client

from tests.addresses import addresses
from tests.factories import make_user

pytestmark = pytest.mark.django_db
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")
PARAMETERS = {"int": "1", "slug": "some-thing", "family": "claude", "path": "some.json", "str": "x"}


def filled(address: str) -> str:
    """An address with something for each parameter."""
    found = re.sub(r"<(\w+):\w+>", lambda parameter: PARAMETERS[parameter[1]], address)
    return found.replace("^", "") + ("usage-queue" if "^" in found else "")


# The admin's pages are Django's.
OURS = [filled(address) for address in addresses() if not address.startswith("/admin/")]
ADDRESSES = [*OURS, "/no/such/page/", "/api/no/such/address"]


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
            if response.streaming:
                response.getvalue()  # an export holds a transaction until it is read
    assert wrong == {}


@pytest.mark.parametrize("address", ["/login/", "/api/usage/collect"])
def test_form_without_its_token_is_refused_with_words(address):
    client = Client(enforce_csrf_checks=True)
    client.force_login(make_user("ada", staff=True))
    response = client.post(address)
    assert response.status_code == 403
    assert fault_of(address, response) == ""
