"""Where clients reach an upstream, and where we do.

People's clients use its public address, which only an operator knows. Our own requests go to the
server of the management URL, which serves clients on the same port: no address that a user could
choose is ever called.
"""

from django.conf import settings

from management_proxy.models import Upstream

_MANAGEMENT = "/v0/management"


def public_address(upstream: Upstream) -> str:
    """The address that clients use, without a slash at its end; empty where none is set.

    For the upstream of the environment its variable comes first.
    """
    of_environment = settings.CLIPROXYAPI_PUBLIC_URL if upstream.from_environment else ""
    return (of_environment or upstream.public_url).rstrip("/")


def root_of(upstream: Upstream) -> str:
    """The address below which we reach what clients use."""
    return upstream.management_url.rstrip("/").removesuffix(_MANAGEMENT)
