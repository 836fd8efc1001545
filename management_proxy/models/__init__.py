"""Tables: upstreams, personal tokens, and what the management proxy keeps."""

from management_proxy.models.proxying import ProxiedLogin, ProxyTraffic, UpstreamBreaker
from management_proxy.models.tokens import PersonalToken
from management_proxy.models.upstreams import (
    Access,
    CollectionMode,
    PresentUpstreams,
    Upstream,
    UsageInterface,
    validate_management_url,
)

__all__ = [
    "Access",
    "CollectionMode",
    "PersonalToken",
    "PresentUpstreams",
    "ProxiedLogin",
    "ProxyTraffic",
    "Upstream",
    "UpstreamBreaker",
    "UsageInterface",
    "validate_management_url",
]
