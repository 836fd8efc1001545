"""One pass of the collector against upstreams that break in every way."""

import json

import httpx
import pytest

from management_proxy.models import Access
from monitoring import leases
from tests.factories import make_event, make_upstream
from usage.collector import collect as collector
from usage.collector import spool
from usage.collector.collect import RunInProgress, collect
from usage.models import CollectorRun, UsageEvent

pytestmark = pytest.mark.django_db(transaction=True)
Status = CollectorRun.Status
Trigger = CollectorRun.Trigger


class Upstream(httpx.BaseTransport):
    """A queue that serves pops the given pages, then with none; an exception among them is
    raised."""

    def __init__(self, *pages) -> None:
        self.pages = list(pages)
        self.pops = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/config"):
            return httpx.Response(
                200, stream=httpx.ByteStream(b'{"usage-statistics-enabled":true}')
            )
        if not request.url.path.endswith("/usage-queue"):
            return httpx.Response(404, stream=httpx.ByteStream(b""))
        self.pops += 1
        page = self.pages.pop(0) if self.pages else b"[]"
        if isinstance(page, Exception):
            raise page
        if isinstance(page, httpx.Response):
            return page
        return httpx.Response(
            200, stream=page if isinstance(page, httpx.SyncByteStream) else httpx.ByteStream(page)
        )


class CutStream(httpx.SyncByteStream):
    def __init__(self, data: bytes) -> None:
        self.data = data

    def __iter__(self):
        yield self.data
        raise httpx.RemoteProtocolError("peer closed connection")


@pytest.fixture
def serve(monkeypatch):
    def use(transport: httpx.BaseTransport):
        monkeypatch.setattr(
            "management_proxy.client.http._shared_http", lambda: httpx.Client(transport=transport)
        )
        return transport

    return use


def page_of(count: int) -> bytes:
    return json.dumps([make_event() for _ in range(count)]).encode()


def spooled(upstream) -> list[str]:
    return [path.name for path in spool.directory_of(upstream.pk).iterdir()]


def test_drains_until_a_short_page(serve, settings):
    settings.COLLECTOR_PAGE_SIZE = 3
    transport, upstream = serve(Upstream(page_of(3), page_of(3), page_of(1))), make_upstream()
    run = collect(upstream, Trigger.COMMAND)
    assert (run.status, run.popped, run.stored, run.pages, transport.pops) == (
        Status.SUCCEEDED,
        7,
        7,
        3,
        3,
    )
    assert run.ended_at
    assert spooled(upstream) == []


def test_run_in_progress_is_told_with_its_id(serve):
    upstream = make_upstream()
    seen = []

    class Nested(Upstream):
        def handle_request(self, request):
            if "usage-queue" in request.url.path:
                seen.append(collect(upstream, Trigger.HTTP))
            return super().handle_request(request)

    serve(Nested())
    run = collect(upstream, Trigger.LOOP)
    assert isinstance(seen[0], RunInProgress)
    assert seen[0].run_id == run.id
    assert seen[0].holder == run.holder


def test_connection_cut_after_the_pop_keeps_what_arrived(serve):
    page, upstream = page_of(4), make_upstream()
    serve(Upstream(CutStream(page[: len(page) * 3 // 4])))
    run = collect(upstream, Trigger.COMMAND)
    assert (run.status, run.failure_class) == (Status.FAILED, "connection")
    assert UsageEvent.objects.count() == run.stored >= 2
    assert spooled(upstream) == []


@pytest.mark.parametrize(
    ("response", "failure_class"),
    [
        (httpx.ConnectError("refused"), "connection"),
        (httpx.ReadTimeout("slow"), "timeout"),
        (httpx.Response(500, stream=httpx.ByteStream(b"")), "upstream_error"),
        (httpx.Response(404, stream=httpx.ByteStream(b"")), "upstream_error"),
    ],
)
def test_broken_upstream_ends_the_run_with_its_class_and_frees_the_lease(
    serve, response, failure_class
):
    upstream = make_upstream()
    serve(Upstream(response))
    run = collect(upstream, Trigger.COMMAND)
    assert (run.status, run.failure_class) == (Status.FAILED, failure_class)
    assert leases.acquire(upstream.collect_lease, 30)


def test_rejected_key_stops_every_caller_until_an_operator_acts(serve):
    refusal = httpx.Response(401, stream=httpx.ByteStream(b'{"error":"invalid management key"}'))
    transport, upstream = serve(Upstream(refusal)), make_upstream()
    assert collect(upstream, Trigger.COMMAND).failure_class == "auth"
    assert collect(upstream, Trigger.COMMAND).failure_class == "auth"
    assert transport.pops == 1
    upstream.refresh_from_db()
    assert upstream.access == Access.KEY_REJECTED


def test_ban_is_parsed_and_waited_out(serve):
    body = b'{"error":"IP banned due to too many failed attempts. Try again in 29m58s"}'
    transport, upstream = (
        serve(Upstream(httpx.Response(403, stream=httpx.ByteStream(body)))),
        make_upstream(),
    )
    collect(upstream, Trigger.COMMAND)
    collect(upstream, Trigger.COMMAND)
    assert transport.pops == 1
    upstream.refresh_from_db()
    assert upstream.access == Access.BANNED
    upstream.blocked_until -= collector.timezone.timedelta(minutes=31)
    upstream.save()
    assert collect(upstream, Trigger.COMMAND).status == Status.SUCCEEDED


def test_spool_left_by_a_killed_process_is_stored_first(serve):
    upstream = make_upstream()
    directory = spool.directory_of(upstream.pk)
    (directory / "20261120T100000.000000-aaaaaaaa.page").write_bytes(page_of(3))
    (directory / "20261120T100001.000000-bbbbbbbb.part").write_bytes(page_of(2)[:-1])
    (directory / "20261120T100002.000000-cccccccc.part").write_bytes(b"")
    serve(Upstream())
    run = collect(upstream, Trigger.LOOP)
    assert run.stored == 5
    assert spooled(upstream) == []


def test_spool_file_of_a_living_process_is_left_alone(serve):
    upstream = make_upstream()
    serve(Upstream())
    with spool.new_file(upstream.pk, 10) as file:
        file.write(page_of(1))
        assert collect(upstream, Trigger.LOOP).stored == 0
        assert len(spooled(upstream)) == 1


def test_unwritable_spool_is_told_and_nothing_is_popped(serve, settings, tmp_path):
    (tmp_path / "file").write_text("in the way")
    settings.SPOOL_DIR = tmp_path / "file"
    transport, upstream = serve(Upstream(page_of(1))), make_upstream()
    run = collect(upstream, Trigger.COMMAND)
    assert (run.status, transport.pops) == (Status.FAILED, 0)
    assert "spool" in run.error


def test_holder_that_lost_its_lease_stores_what_it_popped_but_neither_pops_nor_records(
    serve, settings
):
    settings.COLLECTOR_PAGE_SIZE = 2
    upstream = make_upstream()

    class Overtaken(Upstream):
        def handle_request(self, request):
            if "usage-queue" in request.url.path:
                leases.force_release(upstream.collect_lease)
                self.successor = leases.acquire(upstream.collect_lease, 30)
            return super().handle_request(request)

    transport = serve(Overtaken(page_of(2), page_of(2)))
    run = collect(upstream, Trigger.LOOP)
    assert (transport.pops, UsageEvent.objects.count()) == (1, 2)
    assert run.status == Status.RUNNING
    assert leases.renew(transport.successor)


def test_run_of_a_dead_process_is_called_abandoned_by_the_next(serve):
    upstream = make_upstream()
    serve(Upstream())
    dead = CollectorRun.objects.create(
        upstream=upstream,
        trigger=Trigger.LOOP,
        holder="gone:1:0",
        token=1,
        started_at=collector.timezone.now(),
    )
    assert collect(upstream, Trigger.LOOP).status == Status.SUCCEEDED
    dead.refresh_from_db()
    assert dead.status == Status.ABANDONED
