"""What every page's frame shows."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest


@dataclass(frozen=True)
class Entry:
    """One line of the navigation."""

    label: str
    url_name: str
    icon: str
    staff_only: bool = False


NAVIGATION = (
    Entry("Usage", "usage:page", "usage"),
    Entry("Monitoring", "monitoring:page", "monitoring", staff_only=True),
    Entry("Administration", "admin:index", "admin", staff_only=True),
)


def shell(request: HttpRequest) -> dict[str, Any]:
    """The navigation that the user may follow, and whether the upstream is a simulated one."""
    is_staff = bool(getattr(getattr(request, "user", None), "is_staff", False))
    match = getattr(request, "resolver_match", None)
    return {
        "navigation": [entry for entry in NAVIGATION if is_staff or not entry.staff_only],
        "current_view": match.view_name if match else "",
        "upstream_is_simulated": settings.UPSTREAM_IS_SIMULATED,
    }
