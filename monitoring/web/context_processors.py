"""What every page's frame shows."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from monitoring.models import Alert
from monitoring.request_context import current_request
from monitoring.web import navigation


def shell(request: HttpRequest) -> dict[str, Any]:
    """The navigation that the user may follow, whether the upstream is a simulated one, the id of
    the request, which error pages show, and when the content is requested again
    (monitoring/web/regions.py `read_again`)."""
    is_staff = bool(getattr(getattr(request, "user", None), "is_staff", False))
    return {
        "navigation": navigation.groups(is_staff=is_staff),
        "current_view": navigation.current(getattr(request, "resolver_match", None)),
        "upstream_is_simulated": settings.UPSTREAM_IS_SIMULATED,
        "read_after": getattr(request, "read_after", None),
        "request_id": current_request().request_id,
        # Counted only where the bell is drawn.
        "firing_alerts": SimpleLazyObject(Alert.firing_count),
    }
