"""What every page's frame shows."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest


@dataclass(frozen=True)
class Entry:
    """One line of the navigation; `icon` names a symbol of static/icons.svg."""

    label: str
    url_name: str
    icon: str
    staff_only: bool = False


@dataclass(frozen=True)
class Group:
    """Lines of the navigation under one heading."""

    label: str
    entries: tuple[Entry, ...]


NAVIGATION = (
    Group(
        "Insight",
        (Entry("Usage", "usage:page", "usage"), Entry("Events", "usage:events", "events")),
    ),
    Group("Upstream", (Entry("Providers", "accounts:list", "providers"),)),
    Group("Account", (Entry("Personal tokens", "proxy-pages:tokens", "token"),)),
    Group(
        "Operations",
        (
            Entry("Monitoring", "monitoring:page", "monitoring", staff_only=True),
            Entry("Proxy", "proxy-pages:traffic", "proxy", staff_only=True),
            Entry("Audit trail", "monitoring:audit", "trail", staff_only=True),
            Entry("Doctor", "monitoring:doctor", "doctor", staff_only=True),
            Entry("Administration", "admin:index", "admin", staff_only=True),
        ),
    ),
)

# Pages with a navigation of their own stand in the sidebar as one.
_SECTIONS = dict.fromkeys(
    ("accounts", "custom-providers", "configuration", "providers"), "accounts:list"
)


def shell(request: HttpRequest) -> dict[str, Any]:
    """The navigation that the user may follow, and whether the upstream is a simulated one."""
    is_staff = bool(getattr(getattr(request, "user", None), "is_staff", False))
    match = getattr(request, "resolver_match", None)
    return {
        "navigation": _groups_for(is_staff),
        "current_view": _SECTIONS.get(match.namespace, match.view_name) if match else "",
        "upstream_is_simulated": settings.UPSTREAM_IS_SIMULATED,
    }


def _groups_for(is_staff: bool) -> list[Group]:
    groups = [
        Group(group.label, tuple(e for e in group.entries if is_staff or not e.staff_only))
        for group in NAVIGATION
    ]
    return [group for group in groups if group.entries]
