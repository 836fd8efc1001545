"""Every misconfiguration is caught at start, with an id and a hint."""

import pytest
from django.core import checks as framework

from monitoring.checks import (
    check_database,
    check_environment,
    check_mutation,
    check_secrets,
)
from usage.health.system_checks import (
    check_cadence,
    check_currency,
    check_public_url,
    check_upstream,
)

GOOD = "http://cliproxyapi:8317/v0/management"
MISTAKES = [
    (check_secrets, {"SECRET_KEY": ""}, "tollgate.E001"),
    (check_secrets, {"USAGE_HASH_KEY": ""}, "tollgate.E001"),
    (check_secrets, {"ENCRYPTION_KEYS": []}, "tollgate.E001"),
    (check_secrets, {"COLLECTOR_API_KEY": "short"}, "tollgate.E002"),
    (check_secrets, {"METRICS_TOKEN": "short"}, "tollgate.E002"),
    (check_environment, {"TIME_ZONE": "Mars/Base"}, "tollgate.E003"),
    (check_environment, {"DATABASE_URL": "sqlite:///x.db"}, "tollgate.E004"),
    (check_environment, {"DATABASE_URL": "mysql://u@h/d"}, "tollgate.E004"),
    (check_environment, {"TRUSTED_PROXIES": ["10.0.0.0/8", "the balancer"]}, "tollgate.E020"),
    (check_mutation, {"MUTATION": "fence_ignored", "TESTING": False}, "tollgate.E022"),
    (
        check_upstream,
        {"CLIPROXYAPI_MANAGEMENT_URL": "cliproxyapi:8317", "MANAGEMENT_API_KEY": "k"},
        "tollgate.E010",
    ),
    (
        check_upstream,
        {
            "CLIPROXYAPI_MANAGEMENT_URL": "http://user:pw@host/v0/management",
            "MANAGEMENT_API_KEY": "k",
        },
        "tollgate.E010",
    ),
    (check_upstream, {"CLIPROXYAPI_MANAGEMENT_URL": GOOD}, "tollgate.E011"),
    (check_upstream, {"MANAGEMENT_API_KEY": "k"}, "tollgate.E012"),
    (
        check_upstream,
        {"CLIPROXYAPI_MANAGEMENT_URL": "http://host:8317", "MANAGEMENT_API_KEY": "k"},
        "tollgate.W010",
    ),
    (check_cadence, {"COLLECTOR_INTERVAL_SECONDS": 4000.0}, "tollgate.E013"),
    (check_cadence, {"COLLECTOR_INTERVAL_SECONDS": 0.0}, "tollgate.E013"),
    (check_cadence, {"COLLECTOR_INTERVAL_SECONDS": 300.0}, "tollgate.W011"),
    (check_cadence, {"COLLECTOR_PAGE_SIZE": 0}, "tollgate.E014"),
    (check_public_url, {"CLIPROXYAPI_PUBLIC_URL": "https://host/v1"}, "tollgate.E016"),
    (check_currency, {"CURRENCY": "euro"}, "tollgate.E015"),
    (check_cadence, {"COLLECTOR_LEASE_TTL_SECONDS": 1.0}, "tollgate.E014"),
]


@pytest.mark.parametrize(("check", "changed", "expected"), MISTAKES)
def test_mistake_is_reported_with_an_id_and_a_hint(settings, check, changed, expected):
    for name, value in changed.items():
        setattr(settings, name, value)
    (found,) = check(None)
    assert found.id == expected
    assert found.hint
    assert "user:pw" not in str(found)


def test_good_settings_pass(settings):
    settings.CLIPROXYAPI_MANAGEMENT_URL, settings.MANAGEMENT_API_KEY = GOOD, "key"
    assert [
        check(None) for check in (check_secrets, check_environment, check_upstream, check_cadence)
    ] == [[], [], [], []]


@pytest.mark.django_db
def test_database_that_responds_passes():
    assert check_database(None, databases=["default"]) == []


@pytest.mark.django_db
def test_old_database_is_refused(monkeypatch):
    from django.db import connection

    monkeypatch.setitem(vars(connection), "pg_version", 140010)
    assert [found.id for found in check_database(None, databases=["default"])] == ["tollgate.E006"]


def test_unreachable_database_is_reported(monkeypatch):
    from django.db import OperationalError, connection

    def refuse() -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(connection, "ensure_connection", refuse)
    (found,) = check_database(None, databases=["default"])
    assert (found.id, found.level) == ("tollgate.E005", framework.ERROR)
