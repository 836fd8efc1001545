"""Trying a provider key: the upstream requests the provider's list of models with it, which costs
nothing."""

from dataclasses import dataclass

from django.contrib.auth.models import User
from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from management_proxy.client.api_call import TOKEN, call_provider
from management_proxy.client.errors import Refused
from management_proxy.models import Upstream
from management_proxy.upstreams.clients import client_for
from monitoring.addresses import AddressRefused, check_destination
from monitoring.audit import trail
from monitoring.texts.recorded import in_language
from providers.errors import ChangeRefused
from providers.keys.queries import ListedKey
from providers.permissions import check_may_manage


@dataclass(frozen=True)
class KeyTrial:
    """How it went: the provider's status, 0 if it was not reached, and a sentence for people."""

    ok: bool
    status: int
    message: str


_BEARER = {"Authorization": f"Bearer {TOKEN}"}
# Where each family's provider lists its models: default base, path below it, headers.
_LISTS = {
    "claude": (
        "https://api.anthropic.com",
        "/v1/models?limit=1",
        {"x-api-key": TOKEN, "anthropic-version": "2023-06-01"},
    ),
    "gemini": (
        "https://generativelanguage.googleapis.com",
        "/v1beta/models?pageSize=1",
        {"x-goog-api-key": TOKEN},
    ),
    "interactions": (
        "https://generativelanguage.googleapis.com",
        "/v1beta/models?pageSize=1",
        {"x-goog-api-key": TOKEN},
    ),
    "vertex": (
        "https://aiplatform.googleapis.com",
        "/v1beta1/publishers/google/models?pageSize=1",
        {"x-goog-api-key": TOKEN},
    ),
    "codex": ("https://api.openai.com/v1", "/models", _BEARER),
    "xai": ("https://api.x.ai/v1", "/models", _BEARER),
    "openai-compatibility": ("", "/models", _BEARER),
}
_MEANINGS = {
    401: _("the provider rejects the key"),
    403: _("the provider accepts the key, but not for this request"),
    404: _("the provider has no list of models at this address; the key may still be valid"),
    429: _("the provider limits this key right now"),
}


def try_key(upstream: Upstream, listed: ListedKey, user: User) -> KeyTrial:
    """Try one key. Raises ChangeRefused where it is not the user's or cannot be tried,
    UpstreamError if the upstream is ill."""
    check_may_manage(user, listed.owner_id)
    if not listed.auth_indexes:
        raise ChangeRefused(
            gettext("the upstream has not loaded it: it is disabled, or was changed a moment ago"),
            "",
            "CONFLICT",
        )
    address, header = _question(listed)
    try:
        status, _ = call_provider(client_for(upstream), listed.auth_indexes[0], address, header)
        result = KeyTrial(
            status == 200,
            status,
            gettext("the provider accepts the key")
            if status == 200
            else gettext(_MEANINGS[status])
            if status in _MEANINGS
            else gettext("the provider responded %(status)s") % {"status": status},
        )
    except Refused as error:
        result = KeyTrial(
            False,
            0,
            gettext("the provider could not be reached: %(error)s") % {"error": in_language(error)},
        )
    outcome = trail.Outcome.SUCCEEDED if result.ok else trail.Outcome.FAILED
    trail.record(
        user,
        "provider_key.tested",
        listed.label,
        upstream=upstream.name,
        outcome=outcome,
        detail={"status": result.status},
    )
    return result


def _question(listed: ListedKey) -> tuple[str, dict[str, str]]:
    base, path, header = _LISTS[listed.family.name]
    base = str(listed.entry.get("base-url") or base).rstrip("/")
    try:
        check_destination(base)
    except AddressRefused as error:
        raise ChangeRefused(str(error), "base-url") from error
    return base + path, header
