"""Calls through the proxy to a simulated upstream: what passes, what is refused, what the envelope
says."""

import codecs
import json
from collections.abc import Iterator

import httpx
import pytest
from django.contrib.auth.models import User

from management_proxy.models import Access, Upstream
from management_proxy.proxy import write_funnel
from management_proxy.simulator import running_simulator
from monitoring.models import AuditEntry
from tests.factories import make_upstream
from tests.management_proxy.proxied import (
    URL,
    fault,
    forget_everything,
    request_count,
    signed_in,
    upstream_of,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def simulator() -> Iterator:
    with running_simulator(key="management-key-for-tests") as simulator:
        upstream_of(simulator)
        yield simulator
        forget_everything()


@pytest.fixture
def without_funnel(monkeypatch):
    """Writes are sent as they are, so that the proxy's own guards are seen alone."""
    monkeypatch.setattr(write_funnel, "_handlers", [])


@pytest.fixture
def staff():
    return signed_in()


def error(response) -> dict:
    return response.json()["error"]


def test_response_passes_with_its_bytes_and_without_the_upstreams_own_headers(simulator, staff):
    response = staff.get(URL + "debug")
    assert (response.status_code, response.content) == (200, b'{"debug":false}')
    assert response["Content-Type"] == "application/json; charset=utf-8"
    assert not [
        name
        for name in response.headers
        if name.lower().startswith(("access-control-", "x-cpa-"))
        or name.lower() in ("server", "set-cookie")
    ]
    assert response["Cache-Control"] == "private, no-store"


def test_upstreams_own_refusals_pass(simulator, staff):
    response = staff.put(URL + "debug", b"{}", content_type="application/json")
    assert (response.status_code, response.content) == (400, b'{"error":"invalid body"}')


def test_write_reaches_the_upstream_and_the_trail(simulator, staff):
    assert staff.put(URL + "debug", {"value": True}, content_type="application/json").json() == {
        "status": "ok"
    }
    assert staff.get(URL + "@default/debug").json() == {"debug": True}
    entry = AuditEntry.objects.get(action="proxy.put")
    assert (entry.action, entry.target, entry.upstream, entry.outcome) == (
        "proxy.put",
        "debug",
        "default",
        "succeeded",
    )
    assert entry.detail["status"] == 200


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("usage-queue", 404, "PATH_NOT_LISTED"),
        ("usage-queue?count=1", 404, "PATH_NOT_LISTED"),
        ("nothing", 404, "PATH_NOT_LISTED"),
        ("a/../usage-queue", 400, "PATH_MALFORMED"),
        ("%2e%2e/config", 400, "PATH_MALFORMED"),
        ("api-call", 404, "PATH_NOT_LISTED"),
        ("vertex/import", 405, "METHOD_NOT_LISTED"),
        ("debug?x=1", 400, "QUERY_NOT_LISTED"),
        ("logs", 400, "QUERY_INCOMPLETE"),
        ("get-auth-status?state=", 400, "QUERY_INCOMPLETE"),
        ("@nowhere/debug", 404, "UPSTREAM_UNKNOWN"),
    ],
)
def test_what_is_not_listed_never_reaches_the_upstream(simulator, staff, path, status, code):
    response = staff.get(URL + path)
    assert (response.status_code, error(response)["code"]) == (status, code)
    assert request_count(simulator) == 0


def test_strangers_are_told_nothing(simulator, client):
    for path in ("debug", "nothing", "a/../b"):
        response = client.get(URL + path)
        assert (response.status_code, error(response)["code"]) == (401, "AUTH_UNAUTHORIZED")


def test_only_staff_may_read(simulator):
    assert signed_in(staff=False).get(URL + "debug").status_code == 403
    assert request_count(simulator) == 0


def test_anybody_may_start_a_login_of_their_own(simulator):
    response = signed_in(staff=False).get(URL + "codex-auth-url")
    assert response.json()["status"] == "ok"
    assert AuditEntry.objects.get().action == "proxy.get"


@pytest.mark.parametrize(("method", "path"), [("PUT", "debug"), ("GET", "codex-auth-url")])
def test_session_without_csrf_token_changes_nothing(simulator, staff, method, path):
    response = staff.generic(
        method,
        URL + path,
        b'{"value":true}' if method == "PUT" else b"",
        headers={"X-CSRFToken": "x" * 32},
    )
    assert (response.status_code, error(response)["code"]) == (403, "AUTH_FAILED")
    assert request_count(simulator) == 0


def test_several_upstreams_have_to_be_named(simulator, staff):
    upstream_of(simulator, "second")
    response = staff.get(URL + "debug")
    assert (response.status_code, error(response)["code"]) == (404, "UPSTREAM_UNKNOWN")
    assert staff.get(URL + "@second/debug").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body", "confirmation"),
    [
        ("DELETE", "auth-files?all=true", b"", "delete all auth files"),
        ("DELETE", "api-keys?index=0", b"", "delete api-keys by index"),
        ("PUT", "api-keys", b"[]", "empty api-keys"),
        ("PUT", "api-keys", b"null", "empty api-keys"),
        ("PUT", "api-keys", b'[""," "]', "empty api-keys"),
        ("PUT", "api-keys", b'{"items":[""," "]}', "empty api-keys"),
        ("PUT", "api-keys", b'{"items":["sk-a"],"ITEMS":[" "]}', "empty api-keys"),
        ("PUT", "codex-api-key", b'{"items":[{"api-key":"k"}]}', "empty codex-api-key"),
        ("PUT", "config.yaml", b"debug: true\n", "empty api-keys"),
        ("PUT", "config.yaml", b"api-keys: ['', ' ']\n", "empty api-keys"),
        ("PUT", "claude-api-key", b"[]", "empty claude-api-key"),
        ("PUT", "codex-api-key", b'[{"api-key":"k"}]', "empty codex-api-key"),
        ("PUT", "oauth-excluded-models", b"{}", "empty oauth-excluded-models"),
    ],
)
def test_destructive_forms_need_their_confirmation(
    simulator, staff, without_funnel, method, path, body, confirmation
):
    refused = staff.generic(method, URL + path, body)
    assert (refused.status_code, error(refused)["code"]) == (428, "CONFIRMATION_NEEDED")
    assert request_count(simulator) == 0
    assert AuditEntry.objects.get().outcome == "refused"
    assert (
        staff.generic(
            method, URL + path, body, headers={"X-Tollgate-Confirm": confirmation}
        ).status_code
        == 200
    )


def test_destructive_forms_need_their_permission(simulator, staff):
    User.objects.update(is_superuser=False)
    response = staff.delete(
        URL + "auth-files?all=1", headers={"X-Tollgate-Confirm": "delete all auth files"}
    )
    assert (response.status_code, error(response)["code"]) == (403, "AUTH_INSUFFICIENT_PERMISSIONS")
    assert request_count(simulator) == 0


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("oauth-excluded-models", b'{"codex":"gpt"}'),
        ("oauth-excluded-models", b'{"ITEMS":{"codex":[1]}}'),
        ("oauth-model-alias", b'{"codex":[{"Name":5}]}'),
        ("config.yaml", b""),
        ("config.yaml", b"- a"),
        ("config.yaml", b"a: [\n"),
        ("config.yaml", "api-keys: [sk-a]\n".encode("utf-16")),
        ("config.yaml", "api-keys: [sk-ä]\n".encode("latin-1")),
        ("api-keys", b"["),
        ("api-keys", '["…abcd"]'.encode()),
        ("api-keys", b'["\\u2026abcd"]'),
    ],
)
def test_bodies_that_would_empty_or_garble_are_refused(simulator, staff, path, body):
    response = staff.put(URL + path, body, content_type="application/octet-stream")
    assert (response.status_code, error(response)["code"]) == (400, "BODY_REFUSED")
    assert request_count(simulator) == 0


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("api-keys", b'["sk-from-notepad-0001"]', 200),
        ("config.yaml", b"api-keys: [sk-from-notepad-0001]\r\nport: 1\r\n", 200),
    ],
)
def test_body_of_a_windows_editor_is_taken_without_its_mark(
    simulator, staff, without_funnel, path, body, expected
):
    response = staff.put(
        URL + path, codecs.BOM_UTF8 + body, content_type="application/octet-stream"
    )
    assert response.status_code == expected
    assert simulator.app.state.store.memory["api-keys"] == ["sk-from-notepad-0001"]


def test_auth_file_of_a_windows_editor_is_uploaded_without_its_mark(simulator, staff):
    content = b'{"type": "claude", "email": "a@example.com"}'
    response = staff.post(
        URL + "auth-files?name=notepad.json",
        codecs.BOM_UTF8 + content,
        content_type="application/json",
    )
    assert response.status_code == 200
    assert staff.get(URL + "auth-files/download?name=notepad.json").content == content


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("api-keys", b'{"old":"sk-only","new":" "}'),
        ("api-keys", b'{"index":0,"value":""}'),
        ("api-keys", b'{"index":0,"Value":""}'),
        ("gemini-api-key", b'{"index":0,"value":{"api-key":""}}'),
        ("gemini-api-key", b'{"index":0,"VALUE":{"API-KEY":" "}}'),
        ("codex-api-key", b'{"match":"sk-a","value":{"base-url":""}}'),
        ("claude-api-key", b"["),
    ],
)
def test_patch_that_would_delete_or_open_is_refused(simulator, staff, path, body):
    response = staff.patch(URL + path, body, content_type="application/json")
    assert (response.status_code, error(response)["code"]) == (400, "BODY_REFUSED")
    assert request_count(simulator) == 0


def test_patch_of_an_entry_passes(simulator, staff, without_funnel):
    for path, body in (
        ("claude-api-key", {"index": 0, "value": {"api-key": None, "base-url": "", "priority": 3}}),
        ("api-keys", {"index": 0, "value": "sk-new"}),
    ):
        assert staff.patch(URL + path, body, content_type="application/json").status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "api-keys?value=a-key-without-a-telling-look",
        "claude-api-key?api-key=a-key-without-a-telling-look",
    ],
)
def test_key_in_a_query_does_not_reach_the_trail(simulator, staff, path):
    staff.delete(URL + path)
    staff.delete(URL + path, headers={"X-CSRFToken": "x" * 32})
    entries = list(
        AuditEntry.objects.filter(action="proxy.delete").values_list("outcome", "detail")
    )
    assert len(entries) == 2
    assert "telling" not in str(list(AuditEntry.objects.values()))
    assert "look" in str(entries)


def test_body_over_its_budget_is_refused(simulator, staff):
    response = staff.put(URL + "debug", b"x" * 5000, content_type="application/json")
    assert (response.status_code, error(response)["code"]) == (413, "BODY_TOO_LARGE")
    assert request_count(simulator) == 0


@pytest.mark.parametrize(
    "path",
    [
        "api-keys",
        "claude-api-key",
        "openai-compatibility",
        "config",
        "config.yaml",
        "api-key-usage",
    ],
)
def test_no_key_reaches_a_browser(simulator, staff, path):
    keys = [
        value
        for name in (
            "api-keys",
            "claude-api-key",
            "gemini-api-key",
            "codex-api-key",
            "openai-compatibility",
        )
        for value in _keys(simulator, name)
    ]
    assert len(keys) > 4
    masked = staff.get(URL + path)
    assert masked.status_code == 200
    assert not [key for key in keys if key in masked.content.decode()]
    revealed = staff.get(URL + path, headers={"X-Tollgate-Reveal": "secrets"})
    assert [key for key in keys if key in revealed.content.decode()]
    assert AuditEntry.objects.get().detail["reveals"] is True


def _keys(simulator, name: str) -> list[str]:
    found = httpx.get(
        f"{simulator.management_url}/{name}", headers={"Authorization": f"Bearer {simulator.key}"}
    ).json()[name]
    text = json.dumps(found)
    entries = [
        e for one in found if isinstance(one, dict) for e in [one, *one.get("api-key-entries", [])]
    ]
    return [one for one in found if isinstance(one, str)] or [
        e["api-key"] for e in entries if e.get("api-key", "") and e["api-key"] in text
    ]


def test_rejected_key_stops_everybody_and_is_never_tried_again(simulator, staff):
    upstream = Upstream.objects.get()
    upstream.store_key("wrong")
    upstream.save()
    for _ in range(7):
        response = staff.get(URL + "debug")
        assert (response.status_code, error(response)["code"]) == (503, "UPSTREAM_KEY_REJECTED")
    assert request_count(simulator) == 1
    upstream.refresh_from_db()
    assert upstream.access == Access.KEY_REJECTED


def test_ban_tells_when_to_come_again(simulator, staff):
    fault(
        simulator,
        "status",
        "debug",
        status=403,
        body='{"error":"IP banned due to too many failed attempts. Try again in 10m0s"}',
    )
    for _ in range(2):
        response = staff.get(URL + "debug")
        assert (response.status_code, error(response)["code"]) == (503, "UPSTREAM_BANNED")
        assert 590 < int(response["Retry-After"]) < 610
    assert request_count(simulator) == 1


def test_envelope_tells_everything(simulator, staff):
    fault(simulator, "status", "debug", status=503)
    response = staff.get(URL + "debug")
    shown = error(response)
    assert response.status_code == 502
    assert (shown["code"], shown["requestId"]) == (
        "UPSTREAM_UNAVAILABLE",
        response["X-Request-Id"],
    )
    assert shown["details"].items() >= {"upstreamStatus": 503, "attempts": 1}.items()
    assert shown["details"]["runTimeMs"] >= 0


@pytest.mark.parametrize(
    ("kind", "fields", "status", "code"),
    [
        ("reset", {}, 502, "UPSTREAM_BROKEN"),
        ("cut", {}, 502, "UPSTREAM_BROKEN"),
        ("cut_body", {"bytes": 3}, 502, "UPSTREAM_BROKEN"),
        ("huge", {"bytes": 100_000}, 502, "ANSWER_TOO_LARGE"),
        ("status", {"status": 504}, 502, "UPSTREAM_UNAVAILABLE"),
        ("status", {"status": 302}, 502, "UPSTREAM_REDIRECTED"),
        (
            "status",
            {"status": 403, "body": '{"error":"remote management disabled"}'},
            502,
            "UPSTREAM_REFUSED",
        ),
    ],
)
def test_faults_of_the_upstream_are_502(simulator, staff, kind, fields, status, code):
    fault(simulator, kind, "debug", **fields)
    response = staff.get(URL + "debug")
    assert (response.status_code, error(response)["code"]) == (status, code)
    assert staff.get(URL + "debug").status_code == 200


def test_garbage_where_secrets_are_masked_does_not_pass(simulator, staff):
    fault(simulator, "garbage", "api-keys", body="<html>sk-secret-key")
    response = staff.get(URL + "api-keys")
    assert (response.status_code, error(response)["code"]) == (502, "UPSTREAM_UNINTELLIGIBLE")
    assert b"sk-secret" not in response.content


def test_unreachable_upstream_is_502(staff):
    make_upstream(management_url="http://127.0.0.1:9/v0/management")
    response = staff.get(URL + "debug")
    assert (response.status_code, error(response)["code"]) == (502, "UPSTREAM_UNREACHABLE")
    assert error(response)["details"]["attempts"] == 1
    forget_everything()
