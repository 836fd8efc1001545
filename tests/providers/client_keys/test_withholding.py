"""Client keys that are taken away for a while: given back, and people respected."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from management_proxy.models import Upstream
from monitoring.models import AuditEntry
from providers.client_keys.actions import create, revoke, rotate
from providers.client_keys.withholding import bring_about, give_back
from providers.client_keys.withholding_changes import ReturnClientKey
from providers.client_keys.withholding_requests import Want
from providers.errors import ChangeRefused
from providers.funnel.writes import submit
from providers.health import check_withheld
from providers.models import ClientKey, Intent, WithheldKey
from providers.removal import forget
from tests.factories import make_user
from tests.providers.conftest import foreign, keys_of

pytestmark = pytest.mark.django_db(transaction=True)
KEY = "sk-client-of-a-budget-0001"


@pytest.fixture
def row(upstream: Upstream) -> ClientKey:
    return create(upstream, None, owner=None, name="Team A", key=KEY).row


def want(row: ClientKey, *causes: int) -> dict[int, Want]:
    return {row.pk: Want("its budget is used up", frozenset(causes or (1,)))}


def withhold(row: ClientKey) -> WithheldKey:
    bring_about(want(row))
    row.refresh_from_db()
    assert row.state == "withheld"
    return WithheldKey.objects.get()


def test_a_key_is_removed_while_it_is_wanted_and_given_back_afterwards(row, client):
    assert KEY in keys_of(client)
    held = withhold(row)
    assert KEY not in keys_of(client)
    assert (held.state, held.key) == ("withheld", KEY)
    assert bring_about(want(row)).removed == 0, "once is enough"
    bring_about({})
    row.refresh_from_db()
    assert (row.state, KEY in keys_of(client)) == ("active", True)
    assert not WithheldKey.objects.exists()
    assert (
        AuditEntry.objects.filter(action__in=("client_key.withheld", "client_key.returned")).count()
        == 2
    )


def test_its_text_is_stored_encrypted_alone(row):
    held = withhold(row)
    assert KEY.encode() not in bytes(held.key_encrypted)
    assert KEY not in str(list(Intent.objects.values()) + list(AuditEntry.objects.values()))


def test_one_that_is_revoked_meanwhile_is_not_given_back(row, client):
    withhold(row)
    revoke(row, make_user(staff=True))
    bring_about({})
    row.refresh_from_db()
    assert (row.state, KEY in keys_of(client)) == ("revoked", False)
    assert not WithheldKey.objects.exists()


def test_one_that_is_listed_again_stays_until_something_else_wants_it(row, client, simulator):
    withhold(row)
    foreign(simulator, api_keys=[*keys_of(client), KEY])
    bring_about(want(row))
    bring_about(want(row))
    row.refresh_from_db()
    assert (row.state, KEY in keys_of(client)) == ("active", True)
    held = WithheldKey.objects.get()
    assert (held.state, bytes(held.key_encrypted)) == ("released", b"")
    bring_about(want(row, 1, 2))
    assert KEY not in keys_of(client)


def test_staff_give_it_back_by_hand(row, client):
    withhold(row)
    give_back(row.pk, make_user("ada", staff=True))
    bring_about(want(row))
    assert KEY in keys_of(client)
    assert Intent.objects.filter(kind="client_key.returned", actor_name="ada").exists()
    with pytest.raises(ChangeRefused, match="not withheld"):
        give_back(row.pk, make_user(staff=True))
    bring_about({})
    assert not WithheldKey.objects.exists()


def test_the_last_key_of_an_upstream_stays_and_that_is_reported(row, client, simulator):
    foreign(simulator, api_keys=[KEY])
    bring_about(want(row))
    held = WithheldKey.objects.get()
    assert (held.state, keys_of(client)) == ("refused", [KEY])
    (finding,) = check_withheld()
    assert "last client key" in finding.summary
    bring_about(want(row))
    held.refresh_from_db()
    assert held.tries == 1, "not tried again at once"
    bring_about({})
    assert not WithheldKey.objects.exists()


def test_an_upstream_that_is_down_gets_it_back_later(row, client, simulator):
    withhold(row)
    simulator.control("faults", {"kind": "status", "status": 503, "path": "*", "count": None})
    bring_about({})
    held = WithheldKey.objects.get()
    assert (held.state, held.key, held.tries) == ("withheld", KEY, 1)
    (finding,) = check_withheld()
    assert "could not be given back" in finding.summary
    simulator.control("faults", method="DELETE")
    WithheldKey.objects.update(next_try_at=timezone.now())
    bring_about({})
    assert KEY in keys_of(client)


def test_one_whose_time_is_over_meanwhile_is_not_given_back(row, client):
    withhold(row)
    ClientKey.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    bring_about({})
    row.refresh_from_db()
    assert (row.state, KEY in keys_of(client)) == ("revoked", False)


def test_nothing_is_requested_beside_a_change_of_the_key_that_waits(row, upstream):
    withhold(row)
    submit(upstream, ReturnClientKey(client_key_id=row.pk, key=KEY), make_user())
    with pytest.raises(ChangeRefused, match="under way"):
        give_back(row.pk, make_user(staff=True))


def test_a_withheld_key_cannot_be_rotated_or_added_as_a_new_one(row, upstream):
    withhold(row)
    with pytest.raises(ChangeRefused, match="not in use"):
        rotate(row, make_user(staff=True), timedelta(0))
    with pytest.raises(ChangeRefused, match="withheld"):
        create(upstream, None, owner=None, name="again", key=KEY)


def test_a_removed_upstream_leaves_no_secret(row, upstream):
    withhold(row)
    forget(upstream)
    row.refresh_from_db()
    assert (row.state, WithheldKey.objects.count()) == ("revoked", 0)


def test_a_key_that_is_away_is_kept(row):
    withhold(row)
    with pytest.raises(IntegrityError, match="withheld_key_is_kept"), transaction.atomic():
        WithheldKey.objects.update(key_encrypted=b"")
