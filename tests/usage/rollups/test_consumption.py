"""What client keys used this month, as readers query it."""

import pytest
from django.db import connection, transaction

from usage.models import RollupCalendar
from usage.rollups.consumption import consumption_of

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_calendar_is_left_to_who_writes_rollups():
    RollupCalendar.objects.all().delete()
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION READ ONLY")
        assert consumption_of([1]) == {}
    assert not RollupCalendar.objects.exists()
