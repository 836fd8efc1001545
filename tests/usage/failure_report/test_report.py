"""The report of failures: its sums equal those of the events; its page and its JSON have the same
figures, and every figure leads to as many events."""

import re
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from html import unescape
from zoneinfo import ZoneInfo

import pytest

from management_proxy.models import Upstream
from providers.digests import client_key_digest
from providers.models import ClientKey
from tests.factories import make_event, make_upstream, make_user, store
from usage.failure_report.bodies import newest_bodies
from usage.failure_report.report import ReportQuery, report
from usage.history.dimensions import Dimension, Filters
from usage.history.scope import Scope
from usage.history.windows import Bucket, Period, Window
from usage.models import UsageEvent

pytestmark = pytest.mark.django_db

BODIES = (
    {"status_code": 503, "body": "upstream overloaded"},
    {"status_code": 401, "body": '{"error":{"code":"token_expired"}}'},
    {"status_code": 429, "body": '{"error":{"type":"usage_limit_reached"}}'},
)
EVERYTHING = Scope(None, sees_everything=True)
ZONE = ZoneInfo("UTC")
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def upstream() -> Upstream:
    """Two days of traffic of 14 models, two keys and three credentials, and the day before."""
    upstream = make_upstream(name="primary")
    events = [
        make_event(
            timestamp=NOW - timedelta(hours=n % 30, seconds=n),
            model=f"model-{n % 14:02}",
            api_key=f"sk-{n % 2}",
            auth_index=f"ee59064bd3fc99e{n % 3}",
            **({"failed": True, "fail": BODIES[n % 5]} if n % 5 < 3 else {}),
        )
        for n in range(200)
    ]
    before = make_event(timestamp=NOW - timedelta(days=3), failed=True, fail=BODIES[0])
    store(upstream, *events, before)
    return upstream


def query(scope: Scope = EVERYTHING, filters: Filters | None = None) -> ReportQuery:
    window = Window(date(2026, 11, 19), date(2026, 11, 20), ZONE)
    period = window.period
    return ReportQuery(period, window.before(NOW), scope, filters or Filters(), Bucket.DAY)


def stored(period: Period, *names: str, **fields: object) -> Counter[tuple[object, ...]]:
    """The failures of a period by class and more columns, counted from the events."""
    events = UsageEvent.objects.filter(
        timestamp__gte=period.start, timestamp__lt=period.end, series__failed=True, **fields
    )
    return Counter(events.values_list("series__failure_class", *names))


def test_its_sums_equal_those_of_the_events(upstream):
    wanted = query()
    found = report(wanted)
    assert found.attempts == 200
    assert found.failed == 120
    assert {(c.failure_class.value,): c.count for c in found.classes} == stored(wanted.period)
    assert all(sum(c.points) == c.count for c in found.classes)
    assert {c.failure_class.value: c.before for c in found.classes}["overloaded"] == 1
    columns = {
        Dimension.MODEL: "series__model",
        Dimension.KEY: "client_key",
        Dimension.CREDENTIAL: "credential",
    }
    for matrix in found.matrices:
        counted = stored(wanted.period, columns[matrix.dimension])
        named = {line.name.value: line for line in matrix.lines if line.name}
        of_first = {(name, str(value)): count for (name, value), count in counted.items() if value}
        for value, line in named.items():
            for name, count in line.counts.items():
                assert of_first[name, value] == count
        assert sum(line.total for line in matrix.lines) == found.failed


def test_values_beyond_the_first_are_one_line(upstream):
    (models, *_) = report(query()).matrices
    *first, rest = models.lines
    assert len(first) == 10
    assert (rest.name, rest.others) == (None, 4)
    named = [line.values for line in first]
    assert [[line.name.value] for line in first] == named
    everything = {f"model-{n:02}" for n in range(14)}
    assert {*rest.values} == everything - {value for (value,) in named}
    counted = stored(query().period, series__model__in=rest.values)
    assert counted.total() == rest.total


def test_a_user_gets_their_own_keys_and_no_credentials(upstream):
    owner = make_user("owner")
    key = ClientKey.objects.get(digest=client_key_digest("sk-1"))
    ClientKey.objects.filter(pk=key.pk).update(owner=owner)
    store(upstream, make_event(timestamp=NOW, api_key="sk-1", failed=True, fail=BODIES[0]))
    found = report(query(Scope.of(owner)))
    assert {(c.failure_class.value,): c.count for c in found.classes} == stored(
        query().period, client_key=key
    )
    assert [matrix.dimension for matrix in found.matrices] == [Dimension.MODEL, Dimension.KEY]


def test_the_newest_bodies_of_each_class_are_found_however_old(upstream, monkeypatch):
    classes = [c.failure_class.value for c in report(query()).classes]
    whole = newest_bodies(query(), classes)
    monkeypatch.setattr("usage.failure_report.bodies._WALK", 2)
    assert newest_bodies(query(), classes) == whole
    for name, bodies in whole.items():
        newest = UsageEvent.objects.filter(series__failure_class=name).order_by("-timestamp", "-id")
        assert [body.event_id for body in bodies] == [event.id for event in newest[:3]]


RANGE = {"from": "2026-11-19", "to": "2026-11-20", "tz": "UTC"}


def test_every_figure_of_the_page_leads_to_as_many_events(client, upstream):
    client.force_login(make_user(staff=True))
    key = ClientKey.objects.get(digest=client_key_digest("sk-1"))
    page = client.get("/usage/failures/", {"range": "custom", **RANGE, "key": key.pk})
    assert page.status_code == 200
    links = re.findall(
        r'<a href="/usage/events/(\?[^"]+)"[^>]*>([\d,]+)</a>', unescape(page.content.decode())
    )
    assert len(links) > 20
    for address, shown in sorted(set(links)):
        # The page and the JSON take the same parameters but for the range.
        events = client.get(f"/api/usage/events{address}&limit=500").json()["events"]
        assert len(events) == int(shown), address


def test_the_page_says_what_to_do_and_leads_to_the_runbook(client, upstream):
    client.force_login(make_user(staff=True))
    page = unescape(client.get("/usage/failures/", RANGE).content.decode())
    assert "Connect the account again under Providers, Accounts." in page
    assert "/monitoring/runbook/#expired_token-expired-token" in page
    assert "token_expired" in page
    assert "/usage/failures/unknown/" in page


def test_nouns_keep_their_capital_where_a_language_has_them(client, upstream):
    client.force_login(make_user(staff=True))
    page = client.get("/usage/failures/", RANGE, headers={"Accept-Language": "de"})
    assert "Klasse nach Modell" in page.content.decode()


def test_the_json_has_the_figures_of_the_page(client, upstream):
    client.force_login(make_user(staff=True))
    data = client.get("/api/usage/failures", {**RANGE, "bucket": "day"}).json()["data"]
    found = report(query())
    assert (data["attempts"], data["failed"]) == (200, 120)
    assert [(c["failureClass"], c["count"], c["values"]) for c in data["classes"]] == [
        (c.failure_class.value, c.count, list(c.points)) for c in found.classes
    ]
    expired = next(c for c in data["classes"] if c["failureClass"] == "expired_token")
    assert expired["failureGroup"] == "auth"
    assert len(expired["newest"]) == 3
    assert expired["lastSeen"] == expired["newest"][0]["timestamp"]
    assert data["by"]["model"]["rest"]["groups"] == 4
    assert set(data["by"]) == {"model", "credential", "key"}


@pytest.mark.parametrize(
    ("parameters", "status"),
    [({"from": "2026-13-01"}, 400), ({"bucket": "fortnight"}, 400), ({"credential": "x"}, 400)],
)
def test_a_wrong_query_is_refused(client, upstream, parameters, status):
    client.force_login(make_user(staff=True))
    for address in ("/usage/failures/", "/usage/failures/unknown/", "/api/usage/failures"):
        assert client.get(address, parameters).status_code == status, address


def test_a_user_sees_no_credential_and_no_unknown_bodies(client, upstream):
    client.force_login(make_user())
    page = client.get("/usage/failures/", RANGE).content.decode()
    assert "No usage in this range" in page
    assert client.get("/usage/failures/unknown/").status_code == 403
    assert "credential" not in client.get("/api/usage/failures", RANGE).json()["data"]["by"]
    assert client.get("/usage/failures/", {"credential": "1"}).status_code == 400
