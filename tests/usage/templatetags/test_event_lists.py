import pytest
from django.utils.translation import override

from usage.events.fields import TEXT_FIELDS
from usage.templatetags.event_lists import event_rows

NOT_DRAWN = {"upstream", "authType", "executorType", "serviceTier"}
HOSTILE = '"><script>alert(1)</script>'
EVENT = {
    "id": "7",
    "timestamp": "2026-11-27T10:05:06.700Z",
    "endpoint": "/v1/messages",
    "requestId": "r1",
    "failed": False,
    "failureClass": None,
    "failStatus": None,
    "keyName": "team",
    "model": "opus",
    "alias": "opus",
    "reasoningEffort": "",
    "provider": "claude",
    "ttftMs": 340,
    "latencyMs": 61_000,
    "inputTokens": 1_234_567,
    "cacheReadTokens": None,
    "outputTokens": 20,
    "reasoningTokens": 5,
    "costNanoUsd": 1_500_000_000,
}


@pytest.fixture(autouse=True)
def english():
    with override("en"):
        yield


def test_a_row_has_the_figures_of_its_event():
    row = event_rows([EVENT])

    assert 'href="/usage/events/7/" title="/v1/messages, request r1"' in row
    assert '<time datetime="2026-11-27T10:05:06.700Z">11-27 10:05:06</time>' in row
    assert '<td class="number latency-slow">61.0 s</td>' in row
    assert '<td class="number" title="1,234,567">1.23M</td>' in row
    assert '<td class="number" title="not reported">–</td>' in row
    assert '<td class="number" title="20, of them reasoning: 5">20</td>' in row
    assert '<td class="number" title="$1.5">$1.50</td>' in row
    assert '<td class="cut key" title="team">team </td>' in row


def test_failure_and_alias_are_named():
    failed = {"failed": True, "failureClass": "rate_limit", "failStatus": 429, "alias": "best"}
    row = event_rows([{**EVENT, **failed}])

    assert '<span class="badge bad">✕ rate_limit 429</span>' in row
    assert 'title="opus, requested as best"' in row
    assert '<span class="muted">as best</span>' in row


def test_class_of_a_failure_is_named_in_the_readers_language():
    with override("zh-hans"):
        row = event_rows(
            [{**EVENT, "failed": True, "failureClass": "rate_limited", "failStatus": 429}]
        )
    assert '<span class="badge bad" title="速率受限">✕ rate_limited 429</span>' in row


@pytest.mark.parametrize("name", sorted(TEXT_FIELDS - NOT_DRAWN))
def test_no_text_of_an_event_is_markup(name):
    row = event_rows([{**EVENT, name: HOSTILE}])

    assert "<script>" not in row
    assert "&quot;&gt;&lt;script&gt;" in row
