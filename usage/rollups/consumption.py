"""What client keys used in the present calendar month, for the limits that `providers` keeps."""

from collections.abc import Collection
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection
from django.utils import timezone

from providers.client_keys.consumption import Consumption
from usage.rollups.tables import readers_calendar_zone

# How far back the hour of the last use is looked for; before that the day has to do.
_HOURS_KNOWN = timedelta(days=2)
_SQL = """
/* usage.rollups.consumption */
WITH daily AS (
    SELECT client_key_id, sum(requests) FILTER (WHERE bucket >= %(month)s) AS requests,
           sum(total_tokens) FILTER (WHERE bucket >= %(month)s) AS tokens,
           max(bucket)::timestamp AT TIME ZONE %(zone)s AS last_day
    FROM usage_usagedailybykey WHERE client_key_id = ANY(%(keys)s) GROUP BY client_key_id
), hourly AS (
    SELECT client_key_id, max(bucket) AS last_hour FROM usage_usagehourlybykey
    WHERE bucket >= %(recent)s AND client_key_id = ANY(%(keys)s) GROUP BY client_key_id
)
SELECT client_key_id, coalesce(requests, 0), coalesce(tokens, 0), greatest(last_day, last_hour)
FROM daily LEFT JOIN hourly USING (client_key_id)
"""


def consumption_of(client_key_ids: Collection[int]) -> dict[int, Consumption]:
    """Requests and tokens since the month began in the calendar's zone, and the hour (after two
    days the day) of the last use."""
    zone = readers_calendar_zone()
    month = timezone.now().astimezone(ZoneInfo(zone)).date().replace(day=1)
    values: dict[str, Any] = {
        "month": month,
        "zone": zone,
        "recent": timezone.now() - _HOURS_KNOWN,
        "keys": list(client_key_ids),
    }
    with connection.cursor() as cursor:
        cursor.execute(_SQL, values)
        return {
            key_id: Consumption(int(requests), int(tokens), last)
            for key_id, requests, tokens, last in cursor.fetchall()
        }
