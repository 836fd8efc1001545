"""The upstream of the environment, when the environment changes."""

import pytest

from management_proxy.models import Upstream
from management_proxy.upstreams.registry import ensure_environment_upstream

pytestmark = pytest.mark.django_db

URL = "http://127.0.0.1:{}/v0/management"


def configured(settings, port: int, *, simulated: bool) -> Upstream:
    settings.CLIPROXYAPI_MANAGEMENT_URL = URL.format(port)
    settings.UPSTREAM_IS_SIMULATED = simulated
    return ensure_environment_upstream()


def test_another_address_is_the_same_upstream(settings):
    first = configured(settings, 1, simulated=False)
    assert configured(settings, 2, simulated=False).pk == first.pk


def test_a_real_upstream_does_not_inherit_the_usage_of_the_demonstration(settings):
    simulated = configured(settings, 1, simulated=True)
    real = configured(settings, 2, simulated=False)
    assert real.pk != simulated.pk
    assert real.name == "default"
    simulated.refresh_from_db()
    assert (simulated.name, simulated.is_simulated) == ("demonstration", True)
    assert not simulated.is_enabled
    assert not simulated.from_environment


def test_each_finds_its_own_usage_again(settings):
    real = configured(settings, 1, simulated=False)
    simulated = configured(settings, 2, simulated=True)
    assert simulated.pk != real.pk
    assert configured(settings, 1, simulated=False).pk == real.pk
    assert configured(settings, 3, simulated=True).pk == simulated.pk
    elsewhere = configured(settings, 4, simulated=False)
    assert elsewhere.pk not in {real.pk, simulated.pk}
    names = Upstream.objects.order_by("pk").values_list("name", flat=True)
    assert list(names) == ["former", "demonstration", "default"]
