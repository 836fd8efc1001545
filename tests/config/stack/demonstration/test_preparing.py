"""What a demonstration has beside the simulated upstream, and that nothing real gets any of it."""

import pytest
from django.contrib.auth.models import User

from config.stack.demonstration.belongings import KEYS, REVOKED
from config.stack.demonstration.people import BOTS, INVITED, LEFT, PEOPLE, STAFF
from config.stack.demonstration.preparing import prepare
from config.stack.simulated import SEED, Identity
from management_proxy.models import PersonalToken, Upstream
from management_proxy.simulator.app import SimulatedUpstream
from management_proxy.simulator.options import Options
from management_proxy.simulator.presets import lived_in
from providers.digests import client_key_digest
from providers.models import Account, ClientKey
from tests.factories import make_upstream, make_user
from usage.history.scope import Scope
from usage.models import Budget, CurrencyRate, OwnPrice, SavedView
from usage.users.queries import State, state_of
from usage.web.saved.pages import accepted_query

pytestmark = pytest.mark.django_db
IDENTITY = Identity(8317, "key")


def test_keys_and_accounts_of_the_simulator_have_names_and_owners():
    assert prepare(IDENTITY)
    state = SimulatedUpstream(Options(seed=SEED, preset=lived_in(seed=SEED))).state
    digests = {client_key_digest(key) for key in state.store.memory["api-keys"]}
    listed = ClientKey.objects.exclude(digest=client_key_digest(REVOKED))
    assert {bytes(digest) for (digest,) in listed.values_list("digest")} == digests
    assert listed.exclude(name="").count() == len(KEYS)
    owners = set(ClientKey.objects.exclude(owner=None).values_list("owner__username", flat=True))
    assert owners >= {"alice", "ci", "support-bot"}
    files = {file.name for file in state.directory.all()}
    assert set(Account.objects.values_list("name", flat=True)) == files
    assert {name for (name,) in Account.objects.values_list("owner__username")} > {None, "alice"}


def test_users_are_in_every_state_and_have_set_up_what_their_pages_show():
    assert prepare(IDENTITY)
    users = {user.username: user for user in User.objects.all()}
    assert [name for name, user in users.items() if user.is_staff] == [STAFF]
    found = [state_of(users[name]) for name in ("alice", INVITED, LEFT)]
    assert found == [State.ACTIVE, State.INVITED, State.DISABLED]
    assert {budget.unit for budget in Budget.objects.all()} == set(Budget.Unit.values)
    for view in SavedView.objects.all():
        assert (
            accepted_query(view.page, view.query, Scope(None, sees_everything=True)) == view.query
        )
    assert (CurrencyRate.objects.count(), OwnPrice.objects.count()) == (2, 1)
    assert PersonalToken.objects.count() == 2


def test_it_is_stored_once_and_leaves_users_alone():
    mine = make_user("alice", staff=True)
    assert prepare(IDENTITY)
    assert prepare(IDENTITY)
    assert User.objects.count() == len((*PEOPLE, *BOTS, INVITED, LEFT))
    mine.refresh_from_db()
    assert mine.check_password("correct horse")
    assert (Budget.objects.count(), CurrencyRate.objects.count()) == (4, 2)


@pytest.mark.parametrize("fields", [{}, {"from_environment": True}])
def test_nothing_of_it_lies_beside_a_real_upstream(fields):
    make_upstream(**fields)
    assert not prepare(IDENTITY)
    assert (User.objects.count(), ClientKey.objects.count(), Budget.objects.count()) == (0, 0, 0)
    assert Upstream.objects.count() == 1
