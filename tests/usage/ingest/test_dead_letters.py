"""Dead letters: shown without secrets, replayed exactly once and into the rollups, discarded with a
reason."""

import json
from datetime import UTC, datetime

import pytest
from django.core.management import CommandError, call_command

from monitoring.models import AuditEntry
from tests.concurrency import times
from tests.factories import make_event, make_upstream, make_user, store
from usage.ingest import page_parser
from usage.ingest.dead_letters import Replayed, discard, replay, shown
from usage.models import DeadLetter, UsageEvent, UsageHourly

pytestmark = pytest.mark.django_db
LIST = "/admin/usage/deadletter/"
NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)


def strict_until_fixed(monkeypatch):
    """An ingest that refuses every event, as an older release would a newer field; returns what
    fixes it."""
    original = page_parser.parse_timestamp
    monkeypatch.setattr(page_parser, "parse_timestamp", lambda text: None)
    return lambda: monkeypatch.setattr(page_parser, "parse_timestamp", original)


def dead_letters(monkeypatch, count: int = 1, **fields):
    fix = strict_until_fixed(monkeypatch)
    upstream = make_upstream()
    store(upstream, *(make_event(timestamp=NOW, **fields) for _ in range(count)))
    assert UsageEvent.objects.count() == 0
    return fix, list(DeadLetter.objects.order_by("pk"))


def test_replay_after_a_fix_stores_once_and_into_the_rollups(monkeypatch):
    fix, letters = dead_letters(monkeypatch, 3)
    assert replay(letters) == Replayed(still_dead=3)
    fix()
    assert replay(letters) == Replayed(stored=3)
    assert replay(letters) == Replayed()
    assert (
        UsageEvent.objects.count()
        == sum(UsageHourly.objects.values_list("attempts", flat=True))
        == 3
    )
    assert set(DeadLetter.objects.values_list("state", "resolution")) == {
        ("replayed", "replayed by a command")
    }


def test_event_that_came_again_by_itself_is_not_doubled(monkeypatch):
    event = make_event(timestamp=NOW)
    fix = strict_until_fixed(monkeypatch)
    upstream = make_upstream()
    store(upstream, event)
    fix()
    store(upstream, event)
    assert replay(DeadLetter.objects.all()) == Replayed(known=1)
    assert UsageEvent.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_replays_at_the_same_time_store_once(monkeypatch):
    fix, letters = dead_letters(monkeypatch, 4)
    fix()
    results = times(4, lambda _: replay(letters))
    assert sum(results, Replayed()) == Replayed(stored=4)
    assert (
        UsageEvent.objects.count()
        == sum(UsageHourly.objects.values_list("attempts", flat=True))
        == 4
    )


def test_what_the_database_still_refuses_stays_dead(monkeypatch):
    fix, letters = dead_letters(monkeypatch)
    fix()
    monkeypatch.setattr("usage.ingest.page_parser.storable_text", lambda text, length: "\x00")
    assert replay(letters) == Replayed(still_dead=1)
    assert DeadLetter.objects.get().state == "pending"


def test_payload_is_shown_without_secrets(monkeypatch):
    secrets = {
        "api_key": "plain-client-key",
        "source": "AIzaSecretSecretSecret",
        "response_headers": {"Set-Cookie": ["session=abc"]},
    }
    _, [letter] = dead_letters(monkeypatch, **secrets, user_agent="Bearer sk-ant-api03-abcdefgh")
    text = shown(letter)
    assert '"model":"gpt-5.4"' in text.replace(" ", "")
    for secret in ("plain-client-key", "SecretSecret", "session=abc", "sk-ant-api03", "10.0.0.12"):
        assert secret not in text


def test_payload_cut_in_the_middle_of_a_key_is_masked_as_well():
    store(make_upstream(), make_event())
    upstream = make_upstream()
    from usage.ingest.attribution import Attribution
    from usage.ingest.store import ingest

    ingest(
        b'[{"timestamp":"2026-11-20T10:00:00Z","api_key":"plain-client-k',
        "cut",
        upstream,
        Attribution(upstream),
    )
    [letter] = DeadLetter.objects.all()
    assert "plain-client" not in shown(letter)


def test_payload_under_a_lost_encryption_key_says_so(monkeypatch, settings):
    _, [letter] = dead_letters(monkeypatch)
    settings.ENCRYPTION_KEYS = ["another secret"]
    assert "cannot be decrypted" in shown(letter)
    assert replay([letter]) == Replayed(still_dead=1)


def test_discarding_needs_a_reason_and_is_final(monkeypatch):
    fix, letters = dead_letters(monkeypatch, 2)
    with pytest.raises(ValueError, match="reason"):
        discard(letters, " ")
    assert discard(letters, "test traffic", make_user("ada")) == 2
    fix()
    assert replay(letters) == Replayed()
    assert DeadLetter.objects.first().resolution == "discarded by ada: test traffic"
    assert AuditEntry.objects.get().detail == {"count": 2, "reason": "test traffic"}


def test_admin_filters_shows_replays_and_discards(monkeypatch, client):
    fix, letters = dead_letters(monkeypatch, 2, api_key="plain-client-key")
    client.force_login(make_user("ada", staff=True))
    assert "2 dead letters" in client.get(f"{LIST}?reason__exact=impossible_date").content.decode()
    assert "0 dead letters" in client.get(f"{LIST}?reason__exact=missing_field").content.decode()
    page = client.get(f"{LIST}{letters[0].pk}/change/").content.decode()
    assert "gpt-5.4" in page
    assert "plain-client-key" not in page
    chosen = {"action": "discard", "_selected_action": [letters[0].pk]}
    assert "for what reason" in client.post(LIST, chosen).content.decode()
    client.post(LIST, {**chosen, "reason": "of no use"})
    fix()
    client.post(LIST, {"action": "replay", "_selected_action": [letters[1].pk]})
    assert list(DeadLetter.objects.order_by("pk").values_list("state", flat=True)) == [
        "discarded",
        "replayed",
    ]
    assert UsageEvent.objects.count() == 1


def test_command_lists_replays_and_discards(monkeypatch, capsys):
    fix, letters = dead_letters(monkeypatch, 3)
    call_command("replay_dead_letters", "--list")
    assert [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()] == [
        letter.pk for letter in letters
    ]
    with pytest.raises(SystemExit) as still_dead:
        call_command("replay_dead_letters")
    assert still_dead.value.code == 1
    with pytest.raises(CommandError, match="reason"):
        call_command("replay_dead_letters", "--discard", "")
    call_command("replay_dead_letters", "--id", str(letters[0].pk), "--discard", "noise")
    fix()
    call_command("replay_dead_letters", "--reason", "impossible_date")
    assert "2 stored" in capsys.readouterr().out
