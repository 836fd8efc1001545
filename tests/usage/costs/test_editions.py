"""The catalogue is updated from a file of the network, or stays as it is and states its age."""

import json
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.factories import make_event, make_upstream, store
from usage.costs import editions
from usage.costs.catalogue import shipped
from usage.models import PriceCatalogue, UsageEvent

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


def published(**changed: float) -> list[dict[str, object]]:
    """A catalogue as it is published, of every model that is sold at one price."""
    providers: dict[str, dict[str, object]] = {}
    for model in shipped().models():
        steps = model.steps(NOW, "")
        if not steps:
            continue
        rates = steps[0].rates
        provider = providers.setdefault(
            model.provider.id,
            {"id": model.provider.id, "name": "x", "api_pattern": "x", "models": []},
        )
        price = changed.get(model.info.id, rates.input / 10**6)
        provider["models"].append(  # type: ignore[attr-defined]
            {
                "id": model.info.id,
                "match": {"equals": model.info.id},
                "prices": {"input_mtok": price, "output_mtok": rates.output / 10**6},
            }
        )
    return list(providers.values())


@pytest.fixture
def serve():
    servers = []

    def start(body: bytes, status: int = 200) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/data.json"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_newer_catalogue_prices_what_comes_and_leaves_what_was_stored(serve):
    upstream = make_upstream()
    store(upstream, make_event(model="gpt-5.4"))
    told = editions.update(serve(json.dumps(published(**{"gpt-5.4": 4.0})).encode()))
    assert told.startswith("The prices are those of genai-prices of ")
    store(upstream, make_event(model="gpt-5.4"))
    old, new = UsageEvent.objects.order_by("id")
    assert (old.input_cost, new.input_cost) == (60 * 2500, 60 * 4000)
    assert old.price_version.source != new.price_version.source


def test_the_same_again_confirms_it(serve):
    url = serve(json.dumps(published()).encode())
    editions.update(url)
    before = PriceCatalogue.objects.first()
    assert editions.update(url) == "The prices are the newest already."
    after = PriceCatalogue.objects.first()
    assert (after.pk, after.seen_at) == (before.pk, before.seen_at)
    assert after.confirmed_at >= before.confirmed_at


@pytest.mark.parametrize(
    ("body", "status", "why"),
    [
        (b"gone", 404, "could not be fetched"),
        (b"", 500, "could not be fetched"),
        (b"<html>", 200, "no catalogue"),
        (b"{}", 200, "no catalogue"),
        (b"[]", 200, "lacks"),
        (b'[{"id": 1}]', 200, "no catalogue"),
        (b"\xff\xfe", 200, "no catalogue"),
        (json.dumps(published(**{"gpt-5.4": 2600.0})).encode(), 200, "times as much"),
        (json.dumps(published()[:3]).encode(), 200, "lacks"),
        (json.dumps(published(**{"gpt-5.4": -1})).encode(), 200, "below zero"),
    ],
)
def test_what_is_none_or_cannot_be_true_changes_nothing(serve, body, status, why):
    before = editions.in_force().source
    with pytest.raises(editions.UpdateRefused, match=why):
        editions.update(serve(body, status))
    assert editions.in_force().source == before
    assert editions.confirmed_at() is not None


def test_nothing_that_responds_changes_nothing():
    with pytest.raises(editions.UpdateRefused, match="could not be fetched"):
        editions.update("http://127.0.0.1:9/data.json")


def test_more_than_a_catalogue_can_have_is_not_read(serve, monkeypatch):
    monkeypatch.setattr(editions, "MOST_BYTES", 100)
    with pytest.raises(editions.UpdateRefused, match="more than 100 bytes"):
        editions.update(serve(b"x" * 1000))


def test_a_stored_edition_that_cannot_be_read_gives_way_to_the_shipped_one():
    PriceCatalogue.objects.create(source="broken", digest=shipped().digest.hex[::-1], data=b"x")
    assert editions.in_force() is shipped()
