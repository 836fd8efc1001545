"""The usage page: what is filtered, compared, cut and broken down, and where each of its figures
leads."""

import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.factories import make_client_key, make_event, make_upstream, make_user, store
from usage.history.dimensions import Dimension
from usage.history.windows import Window

pytestmark = pytest.mark.django_db
USAGE = "/usage/"


@pytest.fixture
def staff(client):
    client.force_login(make_user("ada", staff=True))
    return client


@pytest.fixture
def upstream():
    upstream = make_upstream()
    now = datetime.now(UTC)
    for number in range(4):
        make_client_key(upstream, f"sk-client-{number}000", name=f"key-{number}")
    store(
        upstream,
        *[
            make_event(
                timestamp=now - timedelta(hours=30 * n),
                api_key=f"sk-client-{n % 4}000",
                model=f"model-{n % 2}",
                failed=n % 4 == 3,
                latency_ms=1000 * (n + 1),
            )
            for n in range(8)
        ],
    )
    return upstream


def region(client, **query):
    response = client.get(USAGE, query, headers={"HX-Request": "true"})
    assert response.status_code == 200, response.content.decode()
    return " ".join(response.content.decode().split())


def follow(client, page, text):
    """The page that the first link around a text leads to."""
    href = re.search(rf'<a[^>]*href="([^"]+)"[^>]*>{re.escape(text)}</a>', page)[1].replace(
        "&amp;", "&"
    )
    return client.get(href if href.startswith("/") else f"{USAGE}{href}").content.decode()


def test_filters_hold_for_every_figure(staff, upstream):
    page = region(staff, range="30d", model="model-1")
    assert "4 attempts" in page
    assert "model-0" not in page
    assert "key-0" not in page


def test_name_narrows_the_page_and_count_leads_to_the_events(staff, upstream):
    page = region(staff, range="30d")
    narrowed = follow(staff, page, "key-1")
    assert "Client key</span> key-1" in narrowed
    assert "2 attempts" in narrowed
    events = follow(staff, narrowed, "2")
    assert events.count('href="/usage/events/') >= 2
    assert "Failure class</span> Provider fault" in follow(staff, page, "provider fault")


@pytest.mark.parametrize("bucket", ["hour", "day", "week", "month"])
def test_charts_are_cut_as_requested(staff, upstream, bucket):
    page = region(staff, range="7d", bucket=bucket)
    assert f"Attempts per {bucket}" in page
    assert re.search(rf'aria-current="true"\s*>\s*{bucket.capitalize()}\s*<', page)


def test_hours_of_a_long_range_are_refused(staff):
    response = staff.get(USAGE, {"range": "90d", "bucket": "hour"})
    assert response.status_code == 400
    assert "expected hours of at most 14 days, got 90 days" in response.content.decode()


@pytest.mark.parametrize("first", [d.value for d in Dimension])
def test_breaks_down_by_any_dimension_and_another(staff, upstream, first):
    page = region(staff, range="30d", by=first, and_by="outcome")
    heading = Dimension(first).label.lower()
    assert f"By {heading}" in page


def test_pairs_are_distinguished(staff, upstream):
    page = region(staff, range="30d", by="key", and_by="model")
    assert "By client key and model" in page
    assert re.search(r"key-1</a>\s*</th>\s*<th[^>]*>\s*<a[^>]*>model-1<", page)


def test_only_staff_break_down_by_credential(client, upstream):
    client.force_login(make_user())
    response = client.get(USAGE, {"by": "credential"})
    assert response.status_code == 400
    assert "expected no dimension that only staff may use" in response.content.decode()


def test_compares_with_as_many_days_before(staff):
    now = datetime.now(UTC)
    upstream = make_upstream()
    store(
        upstream,
        *[make_event(timestamp=now) for _ in range(3)],
        make_event(timestamp=now - timedelta(days=7, hours=12)),
        make_event(timestamp=now - timedelta(days=9)),
        make_event(timestamp=now - timedelta(days=20)),
    )
    assert "▲ 50 %" in region(staff, range="7d")


def test_time_before_ends_at_the_same_time_of_day():
    zone = ZoneInfo("UTC")
    window = Window(date(2026, 11, 20), date(2026, 11, 21), zone)
    before = window.before(datetime(2026, 11, 21, 14, 20, tzinfo=UTC))
    assert (before.start, before.end) == (
        datetime(2026, 11, 18, tzinfo=UTC),
        datetime(2026, 11, 19, 14, 15, tzinfo=UTC),
    )
    over = Window(date(2026, 11, 1), date(2026, 11, 2), zone).before(
        datetime(2026, 11, 21, tzinfo=UTC)
    )
    assert (over.start, over.end) == (
        datetime(2026, 10, 30, tzinfo=UTC),
        datetime(2026, 11, 1, tzinfo=UTC),
    )


def test_nothing_that_fits_the_filters_says_so(staff, upstream):
    page = region(staff, model="nothing")
    assert "that these filters accept" in page
    assert "Without the filters" in page
    assert 'href="?model=nothing&amp;range=90d"' in page
    assert "Show 90 days" not in region(staff, model="nothing", range="90d")


def test_equal_page_comes_from_the_cache(staff, upstream, django_assert_max_num_queries):
    region(staff)
    with django_assert_max_num_queries(18):
        region(staff)


def test_costs_few_queries(staff, upstream, django_assert_max_num_queries):
    with django_assert_max_num_queries(60):
        staff.get(USAGE)
