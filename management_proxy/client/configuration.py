"""The upstream's configuration as a file, and its simple switches (contract 8.1 to 8.4)."""

from typing import Any

from django.utils.translation import gettext_noop as _

from management_proxy.client.errors import Unintelligible
from management_proxy.client.http import ManagementClient
from management_proxy.client.limits import CONFIGURATION, SMALL, WRITE
from management_proxy.client.responses import json_object
from management_proxy.uploaded_text import UnreadableText, decoded_text
from monitoring.texts.recorded import Recorded

_NO_CONFIGURATION = Recorded(_("config.yaml cannot be read: %(reason)s"))
_NO_MEMBER = Recorded(_("the response has no %(name)s"))


def read_configuration(client: ManagementClient) -> str:
    """The text of config.yaml, all secrets included. Raises UpstreamError."""
    try:
        return decoded_text(client.call("GET", "config.yaml", CONFIGURATION).body)
    except UnreadableText as error:
        raise Unintelligible(_NO_CONFIGURATION(reason=error), 200) from error


def replace_configuration(client: ManagementClient, text: str) -> None:
    """Replace the whole file. An empty one would lock every caller out and is refused here. Raises
    Refused with the reason."""
    if not text.strip():
        raise ValueError("an empty configuration takes the management key with it")
    client.call("PUT", "config.yaml", WRITE, content=text.encode())


def read_switch(client: ManagementClient, path: str) -> Any:
    """The value of one simple setting, such as `debug` or `routing/strategy`. Raises
    UpstreamError."""
    settings = json_object(client.call("GET", path, SMALL).body)
    key = path.rsplit("/", 1)[-1]
    if key not in settings:
        raise Unintelligible(_NO_MEMBER(name=key), 200)
    return settings[key]


def write_switch(client: ManagementClient, path: str, value: Any) -> None:
    """Set one simple setting. Raises Refused on a value that the upstream does not take."""
    client.call("PUT", path, WRITE, json={"value": value})
