"""People, and acts that are carried out at once."""

import pytest
from django.contrib.auth.models import User

from providers.bulk import carrying_out
from providers.bulk.carrying_out import carry_on
from tests.factories import make_user


@pytest.fixture
def ada(db: None) -> User:
    return make_user("ada", staff=True)


@pytest.fixture
def bob(db: None) -> User:
    return make_user("bob")


@pytest.fixture(autouse=True)
def carried_out_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this thread and transaction, instead of beside the request."""
    monkeypatch.setattr(carrying_out, "start", carry_on)
