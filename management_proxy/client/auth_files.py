"""Auth files of the upstream: the accounts that were logged in or uploaded (contract section 5).

The changing ones are called by `providers.funnel.writes` only. `all` is never sent: it would erase
every file.
"""

from typing import Any

import msgspec
from django.utils.translation import gettext_noop as _

from management_proxy.client.errors import NotFound, Refused, Unintelligible
from management_proxy.client.http import ManagementClient
from management_proxy.client.limits import MIB, SMALL, WRITE, Limits
from management_proxy.client.responses import json_object
from management_proxy.uploaded_text import without_mark
from monitoring.texts.recorded import Recorded

NO_FILES = Recorded(_("the list of auth files is not a list"))
_NO_MODELS = Recorded(_("the list of models is not a list"))
_NO_JSON = Recorded(_("the auth file is not JSON"))
_NO_OBJECT = Recorded(_("the auth file is not an object"))

LISTING = Limits.of(10, total=30, response_bytes=64 * MIB)
UPLOAD = Limits.of(60, response_bytes=MIB)
CONTENT = Limits.of(30, response_bytes=8 * MIB)


def list_auth_files(client: ManagementClient, name: str = "") -> list[dict[str, Any]]:
    """All entries, or those whose file name or id is `name`. Raises UpstreamError."""
    params = {"name": name} if name else None
    response = client.call("GET", "auth-files", LISTING, params=params)
    files = json_object(response.body).get("files")
    if not isinstance(files, list) or not all(isinstance(entry, dict) for entry in files):
        raise Unintelligible(NO_FILES(), 200)
    # Before v7.2.94 the filter is ignored.
    return [entry for entry in files if not name or name in (entry.get("name"), entry.get("id"))]


def auth_file_models(client: ManagementClient, name: str) -> list[str]:
    """The names of the models that an account serves; empty for an unknown account. Raises
    UpstreamError."""
    response = client.call("GET", "auth-files/models", CONTENT, params={"name": name})
    models = json_object(response.body).get("models")
    if not isinstance(models, list):
        raise Unintelligible(_NO_MODELS(), 200)
    return [str(model["id"]) for model in models if isinstance(model, dict) and model.get("id")]


def download_auth_file(client: ManagementClient, name: str) -> bytes:
    """The file as it is, tokens included. Raises NotFound, and UpstreamError."""
    return client.call("GET", "auth-files/download", CONTENT, params={"name": name}).body


def auth_file_content(client: ManagementClient, name: str) -> dict[str, Any] | None:
    """The file's object, tokens included, or None without such a file. Raises UpstreamError."""
    try:
        content = msgspec.json.decode(without_mark(download_auth_file(client, name)))
    except NotFound:
        return None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unintelligible(_NO_JSON(), 200) from error
    if not isinstance(content, dict):
        raise Unintelligible(_NO_OBJECT(), 200)
    return content


def upload_auth_file(client: ManagementClient, name: str, content: bytes) -> None:
    """Write a file; the upstream overwrites in silence, so the caller has looked first."""
    client.call("POST", "auth-files", WRITE, params={"name": name}, content=content)


def upload_auth_files(client: ManagementClient, files: dict[str, bytes]) -> None:
    """Write several files at once, by name; some may have been written if this raises (Refused
    with 207 naming the first that was not)."""
    parts = [("file", (name, content, "application/json")) for name, content in files.items()]
    response = client.call("POST", "auth-files", UPLOAD, accept=(200, 207), files=parts)
    if response.status == 207:
        failed = json_object(response.body).get("failed")
        first = failed[0] if isinstance(failed, list) and failed else None
        raise Refused(str(first.get("error") if isinstance(first, dict) else "partly"), 207)


def delete_auth_file(client: ManagementClient, name: str) -> None:
    """Remove one file by name. Raises NotFound the second time."""
    if not name.strip():
        raise ValueError("a file is deleted by its name")
    client.call("DELETE", "auth-files", WRITE, params={"name": name})


def set_auth_file_disabled(client: ManagementClient, name: str, *, disabled: bool) -> None:
    """The operator's switch of an account. Not a POST: that would replace the file by the request
    (contract 5.4)."""
    client.call("PATCH", "auth-files/status", WRITE, json={"name": name, "disabled": disabled})


def set_auth_file_fields(client: ManagementClient, name: str, fields: dict[str, Any]) -> None:
    """Set top-level fields of a file; null removes `weight` and `request_retry` only."""
    client.call("PATCH", "auth-files/fields", WRITE, json={"name": name, **fields})


def reset_quota(client: ManagementClient, auth_index: str) -> list[str]:
    """Clear the upstream's own cooldown of an account, not the provider's; the models it concerned.
    Raises NotFound."""
    response = client.call("POST", "reset-quota", SMALL, json={"auth_index": auth_index})
    models = json_object(response.body).get("models")
    return [str(model) for model in models] if isinstance(models, list) else []
