"""The gate answers as the recorded server did."""

import pytest

from tests.management_proxy.simulator.replay import (
    Exchange,
    FakeClock,
    ask,
    compared_headers,
    headers_of,
    recorded,
    recorded_upstream,
)

EXCHANGES = recorded("refusals.jsonl")


def _responses() -> dict[str, object]:
    app = recorded_upstream(FakeClock())
    disabled = recorded_upstream(FakeClock(), key="")
    return {
        exchange.name: ask(
            disabled if "disabled" in exchange.name else app,
            exchange.method,
            exchange.target,
            exchange.request_body,
            exchange.headers,
        )
        for exchange in EXCHANGES
    }


@pytest.fixture(scope="module")
def responses() -> dict[str, object]:
    return _responses()


@pytest.mark.parametrize("exchange", EXCHANGES, ids=lambda exchange: exchange.name)
def test_answers_as_recorded(exchange: Exchange, responses) -> None:
    response = responses[exchange.name]
    assert response.status == exchange.status
    assert headers_of(response) == compared_headers(exchange.response_headers)
    assert response.body == exchange.body
