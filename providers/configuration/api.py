"""`/api/providers/configuration`, for staff: the JSON twin of the configuration's page. Secrets are
hidden in every response."""

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse

from providers.configuration import actions
from providers.errors import ChangeRefused
from providers.models import ConfigurationVersion, Intent
from providers.web.api import body_of, caller, json_api, outcome, text_of, upstream_of

VERSIONS_SHOWN = 100


def _require_staff(request: HttpRequest) -> None:
    if not caller(request).is_staff:
        raise ChangeRefused(
            "only staff may see the configuration", "", "AUTH_INSUFFICIENT_PERMISSIONS"
        )


@json_api("GET", "PUT")
def file(request: HttpRequest) -> HttpResponse:
    """GET the text with placeholders, and its version; PUT `{text, opened, reason?}` saves it if it
    still is what was opened."""
    _require_staff(request)
    upstream = upstream_of(request)
    if request.method == "GET":
        version = actions.opened_version(upstream)
        return JsonResponse(
            {"data": {**_summary(version), "text": actions.hidden_text(version.text)}}
        )
    body = body_of(request, ("text", "opened", "reason"))
    if not isinstance(body.get("text"), str):
        raise ChangeRefused("expected a text", "text", "VALIDATION_MISSING_FIELDS")
    opened = actions.find_version(upstream, body.get("opened") or "")
    text = actions.edited_text(opened, body["text"])
    return outcome(actions.save(upstream, caller(request), opened, text, text_of(body, "reason")))


@json_api("GET", "PATCH")
def settings(request: HttpRequest) -> HttpResponse:
    """GET the settings; PATCH `{values: {name: value}, opened?: {name: value}}`, each by its own
    way."""
    _require_staff(request)
    upstream = upstream_of(request)
    if request.method == "GET":
        return JsonResponse({"data": {"settings": actions.present_values(upstream)}})
    body = body_of(request, ("values", "opened"))
    values, opened = body.get("values"), body.get("opened", {})
    if not isinstance(values, dict) or not values or not isinstance(opened, dict):
        raise ChangeRefused("expected an object of settings", "values")
    intents = actions.change_settings(upstream, caller(request), values, opened)
    worst = next(
        (intent for intent in intents if intent.state != Intent.State.VERIFIED), intents[0]
    )
    return outcome(
        worst,
        {
            "changes": [
                {"id": intent.pk, "title": intent.title, "state": intent.state}
                for intent in intents
            ]
        },
    )


@json_api("GET")
def versions(request: HttpRequest) -> HttpResponse:
    """GET the newest versions."""
    _require_staff(request)
    kept = ConfigurationVersion.objects.filter(upstream=upstream_of(request)).defer(
        "text_encrypted"
    )
    return JsonResponse(
        {"data": {"versions": [_summary(version) for version in kept[:VERSIONS_SHOWN]]}}
    )


@json_api("GET")
def version(request: HttpRequest, version_id: int) -> HttpResponse:
    """GET what rolling back to it would change, and the version in force, which the roll-back must
    name."""
    _require_staff(request)
    upstream = upstream_of(request)
    wanted, present = actions.find_version(upstream, version_id), actions.opened_version(upstream)
    lines = [
        {"kind": line.kind, "text": line.text}
        for line in actions.compared(present.text, wanted.text)
    ]
    return JsonResponse({"data": {**_summary(wanted), "opened": present.pk, "difference": lines}})


@json_api("POST")
def roll_back(request: HttpRequest, version_id: int) -> HttpResponse:
    """POST `{opened}`: bring a version back if the file still is the version named as opened."""
    _require_staff(request)
    upstream = upstream_of(request)
    opened = actions.find_version(upstream, body_of(request, ("opened",)).get("opened") or "")
    return outcome(
        actions.roll_back(
            upstream, caller(request), opened, actions.find_version(upstream, version_id)
        )
    )


def _summary(found: ConfigurationVersion) -> dict[str, Any]:
    return {
        "version": found.pk,
        "at": found.at,
        "how": found.origin,
        "who": found.actor_name or None,
        "why": found.reason or None,
        "bytes": found.size,
    }
