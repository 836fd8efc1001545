"""Refusals without a view: programs get the one form of errors, people a page."""

import pytest
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import HttpResponse
from django.test import Client, override_settings
from django.urls import include, path

from config.urls import handler400, handler403, handler404, handler500  # noqa: F401
from config.urls import urlpatterns as addresses
from tests.factories import make_user

pytestmark = pytest.mark.django_db


def raising(error: Exception):
    def view(request) -> HttpResponse:
        raise error

    return view


_broken = [
    path("malformed", raising(SuspiciousOperation("no"))),
    path("denied", raising(PermissionDenied("Ask somebody else."))),
    path("broken", raising(ZeroDivisionError())),
]
urlpatterns = [path("api/test/", include(_broken)), path("test/", include(_broken)), *addresses]
REFUSALS = (
    ("GET", "nowhere", 404, "RESOURCE_NOT_FOUND"),
    ("GET", "test/malformed", 400, "VALIDATION_ERROR"),
    ("GET", "test/denied", 403, "AUTH_INSUFFICIENT_PERMISSIONS"),
    ("GET", "test/broken", 500, "INTERNAL_SERVER_ERROR"),
)


@pytest.fixture
def client() -> Client:
    with override_settings(ROOT_URLCONF=__name__):
        yield Client(raise_request_exception=False)


@pytest.mark.parametrize(("method", "address", "status", "code"), REFUSALS)
def test_program_gets_the_one_form_of_errors(client, method, address, status, code):
    response = client.generic(method, f"/api/{address}")
    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (status, code)
    assert error["requestId"] == response["X-Request-Id"]
    assert set(error) == {"code", "message", "requestId"}


@pytest.mark.parametrize(("method", "address", "status", "code"), REFUSALS)
def test_person_gets_a_page_with_the_requests_id_and_a_way_on(
    client, method, address, status, code
):
    response = client.generic(method, f"/{address}")
    page = response.content.decode()
    assert f"<code>{response['X-Request-Id']}</code>" in page
    assert 'href="/"' in page
    assert (response.status_code, response["Content-Type"]) == (
        status,
        "text/html; charset=utf-8",
    )


def test_wrong_method_names_the_right_ones_to_programs():
    response = Client().post("/api/usage/history")
    assert (response.status_code, response["Allow"]) == (405, "GET")
    assert response.json()["error"] == {
        "code": "METHOD_NOT_ALLOWED",
        "message": "This address takes only GET.",
        "requestId": response["X-Request-Id"],
    }


def test_wrong_method_is_a_page_in_the_frame_for_people():
    client = Client()
    client.force_login(make_user(staff=True))
    response = client.post("/usage/")
    assert (response.status_code, response["Allow"]) == (405, "GET")
    page = response.content.decode()
    assert "does not take POST requests" in page
    assert 'href="/usage/"' in page


def test_form_without_its_token_is_a_page_in_the_frame():
    response = Client(enforce_csrf_checks=True).post("/login/", {"username": "ada"})
    assert response.status_code == 403
    assert "This form has expired" in response.content.decode()


def test_session_without_csrf_token_is_refused_in_the_one_form():
    client = Client(enforce_csrf_checks=True)
    client.force_login(make_user(staff=True))
    response = client.post("/api/providers/keys", {}, content_type="application/json")
    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (403, "AUTH_FAILED")
    assert "X-CSRFToken" in error["message"]
