import pytest

from usage.history.snapshot import once, one_instant

pytestmark = pytest.mark.django_db


def test_what_is_read_once_is_shared_by_instants_within():
    read = iter(range(9)).__next__
    with one_instant():
        assert once("number", read) == 0
        with one_instant():
            assert once("number", read) == 0
        assert once("number", read) == 0
    with one_instant():
        assert once("number", read) == 1
    assert once("number", read) == 2
