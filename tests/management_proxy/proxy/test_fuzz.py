"""Hundreds of hostile requests in every run; `make fuzz-proxy` sends a hundred thousand."""

import logging
import os
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings

from management_proxy.models import Access, Upstream, UpstreamBreaker
from management_proxy.proxy import write_funnel
from management_proxy.proxy.limits import shared_breaker
from management_proxy.proxy.rules.policy_table import rows_for_path
from management_proxy.upstreams.registry import find_upstream
from tests.factories import give_key, make_upstream
from tests.management_proxy.fuzzing import Sent, broken_promises, requests
from tests.management_proxy.proxied import TOKEN, URL, forget_everything, signed_in
from tests.management_proxy.scripted import Conversation, scripted_upstream

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "400"))
KEY = "management-key-that-nobody-may-see"
SECRETS = [KEY, "sk-client-key-0000000001", "sk-ant-provider-key-0000001"]
RESPONSE = (
    b'{"api-keys":["sk-client-key-0000000001"],'
    b'"claude-api-key":[{"api-key":"sk-ant-provider-key-0000001"}],'
    b'"lines":[],"state":"abc","status":"ok"}'
)


class Fuzzed:
    """The upstream, whose every response holds secrets, and the callers of each role."""

    def __init__(self) -> None:
        self.reached: list[tuple[str, str, dict[str, str]]] = []
        strangers = Client(headers={"X-CSRFToken": TOKEN})
        self.callers = {"staff": signed_in(), "user": signed_in(staff=False), "stranger": strangers}

    def script(self, call: Conversation) -> None:
        method, target, _ = call.line.split(" ", 2)
        self.reached.append((method, target, call.headers))
        for _ in call.body() if "content-length" in call.headers else ():
            pass
        call.respond(
            RESPONSE,
            "Access-Control-Allow-Origin: *\r\nX-Cpa-Version: 7.2.140\r\nServer:"
            " upstream\r\nSet-Cookie: a=b\r\n",
        )

    def send(self, sent: Sent) -> tuple[int, dict[str, str], bytes]:
        raw = URL + sent.target
        path, _, query = raw.partition("?")
        meta = {
            "RAW_URI": raw,
            "QUERY_STRING": query,
            "PATH_INFO": unquote_to_bytes(path.encode("utf-8", "replace")).decode("latin-1"),
        }
        response = self.callers[sent.role].generic(
            sent.method, URL, sent.body, headers=sent.headers, **meta
        )
        body = response.getvalue() if response.streaming else response.content
        return response.status_code, dict(response.headers), body


def _secrets_for(sent: Sent, reached: list[tuple[str, str, dict[str, str]]]) -> list[str]:
    """What the response may not hold: never our key, and no other where the contract says that
    there may be one."""
    paths = [target.removeprefix("/v0/management/").partition("?")[0] for _, target, _ in reached]
    is_masked = any(
        row.masks and method in row.methods
        for (method, _, _), path in zip(reached, paths, strict=True)
        for row in rows_for_path(path)
    )
    return (
        SECRETS if is_masked and sent.headers.get("X-Tollgate-Reveal") != "secrets" else SECRETS[:1]
    )


@pytest.fixture
def fuzzed(monkeypatch) -> Iterator[Fuzzed]:
    monkeypatch.setattr(write_funnel, "_handlers", [])
    fuzzed = Fuzzed()
    with scripted_upstream(fuzzed.script) as upstream:
        row = make_upstream(name="default", management_url=upstream.management_url)
        give_key(row, KEY)
        row.save()
        yield fuzzed
    forget_everything()


@pytest.mark.django_db
@pytest.mark.timeout(3600)
def test_no_request_breaks_a_promise(fuzzed, caplog):
    caplog.set_level(logging.DEBUG)
    reached = set()

    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(requests())
    def run(sent: Sent) -> None:
        fuzzed.reached.clear()
        caplog.clear()
        status, headers, body = fuzzed.send(sent)
        broken = broken_promises(
            sent, status, headers, body, fuzzed.reached, _secrets_for(sent, fuzzed.reached)
        )
        assert not broken, (broken, status, body[:300])
        assert not [
            record
            for record in caplog.records
            if KEY in record.getMessage() or KEY in str(vars(record))
        ]
        reached.update(target.partition("?")[0] for _, target, _ in fuzzed.reached)

    run()
    assert len(reached) > min(EXAMPLES // 80, 40)
    assert Upstream.objects.get().access == Access.OPEN
    assert not UpstreamBreaker.objects.exists()
    assert shared_breaker.circuit_of(find_upstream()).wait(0) == 0
