"""The navigation holds what the apps registered, in its order and for those who may follow it."""

import pytest
from django.urls import resolve

from monitoring.web import navigation


def shown(*, is_staff: bool) -> dict[str, list[str]]:
    return {
        group.label: [entry.label for entry in group.entries]
        for group in navigation.groups(is_staff=is_staff)
    }


def test_staff_see_everything_in_order():
    assert shown(is_staff=True) == {
        "Insight": [
            "Overview",
            "Usage",
            "Events",
            "Failures",
            "Saved views",
            "Budgets",
            "Prices",
            "Statements",
        ],
        "Upstream": ["Providers", "Connect a client", "Logs"],
        "Account": ["Personal tokens", "Currencies"],
        "Operations": [
            "Monitoring",
            "Proxy",
            "Alerts",
            "Audit trail",
            "Users",
            "Doctor",
            "Administration",
        ],
    }


def test_others_see_no_empty_heading():
    assert shown(is_staff=False) == {
        "Insight": ["Overview", "Usage", "Events", "Failures", "Saved views", "Budgets"],
        "Upstream": ["Providers", "Connect a client"],
        "Account": ["Personal tokens", "Currencies"],
    }


@pytest.mark.parametrize(
    ("address", "entry"),
    [
        ("/", "overview"),
        ("/overview/", "overview"),
        ("/usage/", "usage:page"),
        ("/usage/compare/", "usage:page"),
        ("/usage/failures/", "usage:failures"),
        ("/providers/accounts/", "accounts:list"),
        ("/providers/configuration/", "accounts:list"),
        ("/providers/keys/", "accounts:list"),
        ("/connect/", "connect:page"),
        ("/monitoring/audit/", "monitoring:audit"),
    ],
)
def test_page_belongs_to_an_entry(address, entry):
    assert navigation.current(resolve(address)) == entry


def test_nothing_is_current_without_a_page():
    assert navigation.current(None) == ""
