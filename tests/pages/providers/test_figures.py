"""Figures on the providers' pages lead to the usage that they are of, and agree with it."""

import re
from datetime import UTC, datetime

import pytest
from django.test import Client

from management_proxy.client.http import ManagementClient
from management_proxy.client.lists import read_client_keys
from providers.models import ClientKey
from tests.factories import make_event, make_user, store

pytestmark = pytest.mark.django_db


def test_requests_of_a_month_lead_to_as_many(upstream, simulator):
    text = read_client_keys(ManagementClient(simulator.management_url, simulator.key))[0]
    store(upstream, make_event(timestamp=datetime.now(UTC), api_key=text))
    key = ClientKey.objects.get(last_four=text[-4:])
    staff = Client()
    staff.force_login(make_user("ada", staff=True))
    for address in ("/providers/client-keys/", f"/providers/client-keys/{key.pk}/"):
        page = staff.get(address).content.decode()
        found = re.search(rf'<a href="(/usage/\?key={key.pk}&amp;from=[^"]+)">1</a>', page)
        assert found, address
        usage = staff.get(found[1].replace("&amp;", "&")).content.decode()
        assert 'title="1 client requests took' in usage
