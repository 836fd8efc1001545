"""Unknown bodies by shape: what differs in numbers, ids and quoted values only is one shape."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from tests.factories import make_event, make_upstream, make_user, store
from usage.failure_report.report import ReportQuery
from usage.failure_report.shapes import shape_of, unknown_shapes
from usage.history.dimensions import Filters
from usage.history.scope import Scope
from usage.history.windows import Bucket, Window

WINDOW = Window(date(2026, 11, 19), date(2026, 11, 20), ZoneInfo("UTC"))
QUERY = ReportQuery(
    WINDOW.period,
    WINDOW.before(datetime(2026, 11, 20, 12, tzinfo=WINDOW.zone)),
    Scope(None, sees_everything=True),
    Filters(),
    Bucket.DAY,
)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('{"error":{"code":40012,"message":"odd"}}', '{"error": {"code": 7, "message": "odd"}}'),
        ("no route for req_011CQx9 (id 5f3c-88aa)", "no route for req_9 (id 00aa-1)"),
        ("model 'gpt-x' has no lane", "model 'claude' has no lane"),
        ('bad \\"alpha\\" field', 'bad \\"beta\\" field'),
        ("see https://a.example/x?y=1 for bob@example.com", "see http://b.example for a@b.example"),
        ("at 2026-11-20T10:00:00.123Z it broke", "at 2025-01-01T00:00:00Z it broke"),
        ("key sk-a***9f is odd", "key sk-b***77 is odd"),
    ],
)
def test_bodies_of_a_kind_are_one_shape(one, other):
    assert shape_of(one) == shape_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("the lane is shut", "the lane is open"),
        ("can't do it, won't try", "can't see it, won't try"),
    ],
)
def test_words_tell_shapes_apart(one, other):
    assert shape_of(one) != shape_of(other)


def test_a_hostile_body_is_read_in_no_time():
    for body in ("'" * 5000, "#" * 5000, "a@" * 2500, "1-" * 2500, '\\"' * 2500, "*" * 5000):
        shape_of(body)


def failed(body: str, status: int = 418, **fields: object) -> dict[str, object]:
    return make_event(failed=True, fail={"status_code": status, "body": body}, **fields)


@pytest.mark.django_db
def test_unknown_bodies_are_counted_by_shape():
    store(
        make_upstream(),
        failed("teapot 1 is short", timestamp="2026-11-20T08:00:00Z"),
        failed("teapot 22 is short", timestamp="2026-11-20T09:00:00Z"),
        failed("stout", timestamp="2026-11-20T09:30:00Z"),
        failed("token_expired", 401, timestamp="2026-11-20T09:30:00Z"),
        failed("teapot 3 is short", timestamp="2026-11-01T09:30:00Z"),
    )
    found = unknown_shapes(QUERY)
    assert (found.unknown, found.read, found.others, found.is_all) == (3, 4, 0, True)
    first, second = found.shapes
    assert (first.count, first.text, first.sample) == (2, "teapot # is short", "teapot 22 is short")
    assert (first.first.hour, first.last.hour, len(first.events)) == (8, 9, 2)
    assert second.text == "stout"


@pytest.mark.django_db
def test_the_page_lists_them_for_staff_with_the_way_to_a_rule(client):
    store(make_upstream(), failed("teapot 1 is <b>short</b>"))
    client.force_login(make_user(staff=True))
    page = client.get("/usage/failures/unknown/", {"range": "90d"}).content.decode()
    assert "teapot # is &lt;b&gt;short&lt;/b&gt;" in page
    assert "/monitoring/documents/failures/#adding-a-rule" in page
