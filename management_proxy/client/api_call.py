"""Calls that the upstream makes to a provider with one of its credentials (contract 8.8). Never
exposed to callers as it is."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_noop as _

from management_proxy.client.errors import Unintelligible
from management_proxy.client.http import ManagementClient
from management_proxy.client.limits import MIB, Limits
from management_proxy.client.responses import json_object
from monitoring.texts.recorded import Recorded

_NO_STATUS = Recorded(_("the response has no status of the provider"))

# In a header's value the upstream replaces this by the credential's token.
TOKEN = "$TOKEN$"  # noqa: S105
# The upstream itself waits 60 s for the provider.
CALL = Limits.of(70, total=75, response_bytes=8 * MIB)


def call_provider(
    client: ManagementClient, auth_index: str, url: str, header: Mapping[str, str]
) -> tuple[int, str]:
    """GET an address with a credential: the provider's status and body. Raises UpstreamError.

    The caller vouches for the address, and for the index: for an unknown one the call is made with
    the literal `$TOKEN$`.
    """
    body: dict[str, Any] = {
        "auth_index": auth_index,
        "method": "GET",
        "url": url,
        "header": dict(header),
    }
    response = json_object(client.call("POST", "api-call", CALL, json=body).body)
    status, text = response.get("status_code"), response.get("body")
    if not isinstance(status, int) or not isinstance(text, str):
        raise Unintelligible(_NO_STATUS(), 200)
    return status, text
