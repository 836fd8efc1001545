"""The Logs page and the page of one log: who may open them, and what they refuse."""

import pytest
from django.test import Client

from tests.factories import make_upstream, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff() -> Client:
    client = Client()
    client.force_login(make_user("ada", staff=True))
    return client


@pytest.mark.parametrize("path", ["/logs/", "/logs/log/?request_id=7f3a91c2"])
def test_pages_are_for_staff(path: str) -> None:
    client = Client()
    assert client.get(path).status_code == 302
    client.force_login(make_user("bob"))
    assert client.get(path).status_code == 403


def test_page_leads_to_the_chosen_upstream(staff: Client) -> None:
    make_upstream(name="one")
    make_upstream(name="two")
    page = staff.get("/logs/?upstream=two&request_id=7f3a91c2&after=1795426123").content.decode()
    assert 'data-url="/api/management/@two/logs"' in page
    assert 'data-after="1795426123"' in page
    assert 'value="7f3a91c2"' in page


def test_no_upstream_is_stated(staff: Client, settings) -> None:
    settings.CLIPROXYAPI_MANAGEMENT_URL = ""
    assert "No upstream yet" in staff.get("/logs/").content.decode()
    make_upstream(name="one")
    assert staff.get("/logs/?upstream=three").status_code == 404


@pytest.mark.parametrize(
    "query", ["level=loud", "request_id=../config", "after=x", "after=-1", "q=" + "x" * 201]
)
def test_wrong_filters_are_refused(staff: Client, query: str) -> None:
    make_upstream()
    response = staff.get(f"/logs/?{query}")
    assert response.status_code == 400
    assert "log-tail" not in response.content.decode()


@pytest.mark.parametrize(
    "query", ["", "name=../../config.yaml", "name=a/b", "request_id=x-y", "name=a.log&request_id=b"]
)
def test_what_is_no_log_is_refused(staff: Client, query: str) -> None:
    make_upstream()
    response = staff.get(f"/logs/log/?{query}")
    assert response.status_code == 400
    assert "log-reader" not in response.content.decode()
