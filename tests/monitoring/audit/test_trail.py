"""The audit trail: append-only, without secrets, and outliving those it names."""

import logging
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import Error as DatabaseError
from django.db import connection, transaction
from django.test import RequestFactory

from monitoring.audit import trail
from monitoring.masking import last4, masked
from monitoring.models import AuditEntry
from monitoring.request_context import RequestIdFilter, client_address
from tests.factories import make_user

pytestmark = pytest.mark.django_db


def an_entry(**fields):
    return trail.record(
        fields.pop("actor", None),
        "client_key.revoked",
        "Bob's laptop",
        **{"outcome": trail.Outcome.SUCCEEDED, **fields},
    )


def refused_by_the_database(act):
    with pytest.raises(DatabaseError), transaction.atomic():
        act()


def test_entry_survives_the_deletion_of_its_user():
    user = make_user("ada")
    entry = an_entry(actor=user)
    user.delete()
    entry.refresh_from_db()
    assert (entry.user, entry.actor) == (None, "ada")


def test_entry_is_neither_changed_nor_deleted():
    entry = an_entry()
    refused_by_the_database(
        lambda: AuditEntry.objects.filter(pk=entry.pk).update(actor="somebody else")
    )
    refused_by_the_database(
        lambda: AuditEntry.objects.filter(pk=entry.pk).update(user=None, outcome="failed")
    )
    refused_by_the_database(lambda: AuditEntry.objects.filter(pk=entry.pk).delete())
    assert AuditEntry.objects.count() == 1


def test_pending_entry_gets_its_outcome_once():
    entry = trail.begin(None, "proxy.write", "PUT debug", detail={"attempt": 1})
    trail.finish(entry, trail.Outcome.UNKNOWN, {"status": 504})
    trail.finish(entry, trail.Outcome.SUCCEEDED)
    entry.refresh_from_db()
    assert (entry.outcome, entry.detail) == ("unknown", {"attempt": 1, "status": 504})


def test_pruning_takes_the_old_and_leaves_the_rest_protected():
    AuditEntry.objects.create(
        at="2020-01-01T00:00:00Z",
        actor="ada",
        via="command",
        action="x",
        target="y",
        outcome="succeeded",
    )
    young = an_entry()
    assert trail.prune(timedelta(days=365)) == 1
    refused_by_the_database(lambda: young.delete())


def test_unknown_outcome_is_refused_by_the_schema():
    refused_by_the_database(lambda: an_entry(outcome="perhaps"))


SECRETS = (
    "sk-ant-api03-abcdefghijkl",
    "AIzaSyA1234567890abcdef",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIi.c2ln",
    "plain-old-password",
    "4/0AbCdEf",
)


def test_no_secret_reaches_an_entry(settings):
    settings.MANAGEMENT_API_KEY = "the-management-key"
    detail = {
        "value": f"saw {SECRETS[0]} and {SECRETS[1]}",
        "list": [{"api-key": "short"}, {"note": SECRETS[2]}],
        "password": SECRETS[3],
        "code": SECRETS[4],
        "error": "Bearer the-management-key at http://user:hunter2@host/?key=abc",
        SECRETS[0]: 1,
    }
    entry = an_entry(detail=detail)
    entry.refresh_from_db()
    kept = f"{entry.detail} {entry.target}"
    for secret in (*SECRETS, "short", "the-management-key", "hunter2", "abc&", "key=abc"):
        assert secret not in kept


def test_what_only_mentions_a_secret_is_kept():
    plain = {
        "key_id": 7,
        "token_prefix": "tg_abcd",
        "api_key": last4("sk-ant-1234567890"),
        "keys_before": 3,
        "debug": True,
    }
    assert masked(plain) == {**plain, "token_prefix": masked("tg_abcd")}


def test_detail_of_any_size_and_form_is_kept_small():
    endless: dict = {}
    endless["self"] = endless
    kept = masked(
        {
            "text": "x" * 10_000,
            "many": list(range(5000)),
            "bytes": b"\x00\xff",
            "nan": float("nan"),
            "deep": endless,
            "nul": "a\x00b",
        }
    )
    assert len(str(kept)) < 2000
    an_entry(detail=kept)


def test_address_of_the_client_is_believed_only_from_trusted_proxies(settings):
    def address(forwarded):
        return client_address(
            RequestFactory().get("/", REMOTE_ADDR="10.0.0.2", HTTP_X_FORWARDED_FOR=forwarded)
        )

    assert address("6.6.6.6, 203.0.113.9, 10.0.0.1") == "10.0.0.2"
    settings.TRUSTED_PROXIES = ["10.0.0.0/24"]
    assert address("6.6.6.6, 203.0.113.9, 10.0.0.1") == "203.0.113.9"
    assert address("not an address, 10.0.0.1") == "10.0.0.1"


def test_every_response_names_its_request_and_so_does_the_log(client):
    first, second = (
        client.get("/login/", headers={"X-Request-Id": "chosen-by-me"}).headers["X-Request-Id"]
        for _ in range(2)
    )
    assert len({first, second, "chosen-by-me"}) == 3
    line = logging.makeLogRecord({})
    assert RequestIdFilter().filter(line)
    assert not hasattr(line, "request_id")  # no request is being answered any more


def test_entry_made_outside_of_a_request_came_by_a_command():
    assert an_entry().via == trail.Via.COMMAND


def test_trail_is_walked_by_indexes():
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(
            "EXPLAIN SELECT * FROM monitoring_auditentry WHERE actor = 'a' ORDER BY id DESC"
            " LIMIT 50"
        )
        assert "audit_actor" in str(cursor.fetchall())


def test_act_without_an_outcome_is_found(monkeypatch):
    trail.begin(None, "proxy.put", "debug")
    assert list(trail.check_pending()) == []
    monkeypatch.setattr(trail, "LONGEST_ACT", timedelta(seconds=-1))
    (found,) = trail.check_pending()
    assert "no outcome" in found.summary


def test_command_that_prunes_leaves_word_of_it(capsys):
    AuditEntry.objects.create(
        at="2020-01-01T00:00:00Z",
        actor="ada",
        via="command",
        action="x",
        target="y",
        outcome="succeeded",
    )
    call_command("prune_audit", "--older-than-days", "365")
    assert [entry.action for entry in AuditEntry.objects.all()] == ["audit.pruned"]
    with pytest.raises(CommandError):
        call_command("prune_audit", "--older-than-days", "1")
