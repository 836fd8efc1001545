"""What a demonstration has beside the simulated upstream, and that nothing real gets any of it."""

import pytest
from django.contrib.auth.models import User

from config.stack.demonstration import BOTS, KEYS, PEOPLE, prepare
from config.stack.simulated import SEED, Identity
from management_proxy.models import Upstream
from management_proxy.simulator.app import SimulatedUpstream
from management_proxy.simulator.options import Options
from providers.digests import client_key_digest
from providers.models import Account, ClientKey
from tests.factories import make_upstream, make_user
from usage.models import Budget

pytestmark = pytest.mark.django_db
IDENTITY = Identity(8317, "key")


def test_keys_and_accounts_of_the_simulator_have_names_and_owners():
    assert prepare(IDENTITY)
    state = SimulatedUpstream(Options(seed=SEED)).state
    digests = {client_key_digest(key) for key in state.store.memory["api-keys"]}
    assert {bytes(digest) for (digest,) in ClientKey.objects.values_list("digest")} == digests
    assert ClientKey.objects.exclude(name="").count() == len(KEYS)
    owners = set(ClientKey.objects.exclude(owner=None).values_list("owner__username", flat=True))
    assert owners >= {"alice", "ci", "support-bot"}
    files = {file.name for file in state.directory.all()}
    assert set(Account.objects.values_list("name", flat=True)) == files
    assert {name for (name,) in Account.objects.values_list("owner__username")} > {None, "alice"}
    assert Budget.objects.count() == 3


def test_it_is_stored_once_and_leaves_users_alone():
    mine = make_user("alice", staff=True)
    assert prepare(IDENTITY)
    assert prepare(IDENTITY)
    assert User.objects.count() == len(PEOPLE) + len(BOTS)
    mine.refresh_from_db()
    assert mine.check_password("correct horse")
    assert Budget.objects.count() == 3


@pytest.mark.parametrize("fields", [{}, {"from_environment": True}])
def test_nothing_of_it_lies_beside_a_real_upstream(fields):
    make_upstream(**fields)
    assert not prepare(IDENTITY)
    assert (User.objects.count(), ClientKey.objects.count(), Budget.objects.count()) == (0, 0, 0)
    assert Upstream.objects.count() == 1
