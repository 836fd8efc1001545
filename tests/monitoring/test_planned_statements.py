"""Many rows that are changed by one statement."""

from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User
from django.db import DataError, transaction

from monitoring.planned_statements import update_each
from tests.factories import make_user

pytestmark = pytest.mark.django_db


def test_each_object_stores_its_own_values_by_one_statement(django_assert_num_queries):
    ada, bob, carol = (make_user(name) for name in ("ada", "bob", "carol"))
    ada.first_name, ada.last_login = 'Ada, {"1"}', datetime(2026, 1, 2, tzinfo=UTC)
    bob.first_name, bob.is_staff = "", True
    with django_assert_num_queries(1):
        update_each([ada, bob], "first_name", "last_login", "is_staff")
    stored = User.objects.order_by("username").values_list("first_name", "last_login", "is_staff")
    assert list(stored) == [
        (ada.first_name, ada.last_login, False),
        ("", None, True),
        (carol.first_name, carol.last_login, False),
    ]


def test_nothing_is_stored_of_no_object_nor_of_one_that_does_not_fit(django_assert_num_queries):
    with django_assert_num_queries(0):
        update_each([], "first_name")
    ada, bob = make_user("ada"), make_user("bob")
    ada.first_name, bob.first_name = "Ada", "b" * 151
    with pytest.raises(DataError), transaction.atomic():
        update_each([ada, bob], "first_name")
    assert set(User.objects.values_list("first_name", flat=True)) == {""}
