"""System checks of what the providers' pages need."""

from ipaddress import ip_network
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register


@register()
def check_private_networks(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """E020: an entry of PRIVATE_PROVIDER_NETWORKS is no network."""
    found: list[CheckMessage] = []
    for text in settings.PRIVATE_PROVIDER_NETWORKS:
        try:
            ip_network(text, strict=False)
        except ValueError:
            found.append(
                Error(
                    f"PRIVATE_PROVIDER_NETWORKS holds {text!r}, which is no network.",
                    hint="For instance 127.0.0.1,10.0.0.0/8.",
                    id="tollgate.E020",
                )
            )
    return found
