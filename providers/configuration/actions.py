"""The upstream's configuration for people: read, compared, saved, rolled back. Secrets are hidden
before anything leaves here."""

import difflib
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext, gettext_noop

from management_proxy.client import configuration as config_client
from management_proxy.client.limits import CONFIGURATION
from management_proxy.client.responses import json_object
from management_proxy.models import Upstream
from management_proxy.upstreams.clients import client_for
from monitoring.encryption import UndecryptableError
from monitoring.texts.recorded import Recorded
from providers.configuration.changes import (
    ROLL_BACK,
    SAVE,
    ReplaceConfiguration,
    SetConfigurationValues,
    SetSwitch,
)
from providers.configuration.document import InvalidText, check_replacement
from providers.configuration.line_ends import named_ends, unified, with_ends_of
from providers.configuration.settings import SETTINGS, Setting, Value
from providers.configuration.text import hidden, marked, restored
from providers.errors import ChangeRefused
from providers.funnel.writes import carry_out, submit
from providers.models import Intent
from providers.models.configuration import ConfigurationVersion

VERSIONS_KEPT = 300
_VERSION = Recorded(gettext_noop("version #%(number)s of %(instant)s UTC"))
Origin = ConfigurationVersion.Origin


def opened_version(upstream: Upstream) -> ConfigurationVersion:
    """The configuration as it is upstream now, kept as a version. Raises UpstreamError and
    ChangeRefused."""
    text = config_client.read_configuration(client_for(upstream))
    hidden_text(text)  # a file caught while it is being written is no version (contract 8.2)
    return record_version(upstream, text, Origin.FOUND)


def record_version(
    upstream: Upstream, text: str, origin: str, actor: User | None = None, reason: str = ""
) -> ConfigurationVersion:
    """Keep a text unless it is the newest version already; the oldest beyond `VERSIONS_KEPT` go."""
    version = ConfigurationVersion(
        upstream=upstream,
        origin=origin,
        actor=actor,
        actor_name=actor.get_username() if actor else "",
        reason=reason[:300],
    )
    version.store_text(text)
    with transaction.atomic():
        Upstream.objects.select_for_update().only("pk").get(pk=upstream.pk)
        newest = ConfigurationVersion.objects.filter(upstream=upstream).first()
        if newest and newest.digest == version.digest:
            return newest
        version.save()
        old = ConfigurationVersion.objects.filter(upstream=upstream).values_list("pk", flat=True)[
            VERSIONS_KEPT:
        ]
        ConfigurationVersion.objects.filter(pk__in=list(old)).delete()
    return version


def find_version(upstream: Upstream, version_id: int | str) -> ConfigurationVersion:
    """A version of this upstream. Raises ChangeRefused."""
    found = (
        ConfigurationVersion.objects.filter(upstream=upstream, pk=version_id).first()
        if str(version_id).isdecimal() and len(str(version_id)) < 19
        else None
    )
    if found is None:
        raise ChangeRefused(gettext("There is no such version."), "opened", "RESOURCE_NOT_FOUND")
    try:
        found.text  # noqa: B018
    except UndecryptableError as error:
        raise ChangeRefused(
            gettext("The version cannot be read: %(error)s.") % {"error": error}, "opened"
        ) from error
    return found


def hidden_text(text: str) -> str:
    """For people: every secret replaced by a placeholder. Raises ChangeRefused if the text cannot
    be read."""
    try:
        return hidden(unified(text))
    except InvalidText as problem:
        raise ChangeRefused(str(problem), "text") from problem


@dataclass(frozen=True)
class DiffLine:
    """One line of a comparison: `kind` is `added`, `removed`, `same` or `gap`."""

    kind: str
    text: str

    @property
    def mark(self) -> str:
        return {"added": "+ ", "removed": "− ", "gap": "… "}.get(self.kind, "  ")


def compared(before: str, after: str) -> list[DiffLine]:
    """What changed, with a few lines around; secrets as marks that differ when they do. Raises
    ChangeRefused."""
    try:
        old, new = (marked(unified(text), _mark).splitlines() for text in (before, after))
    except InvalidText as problem:
        raise ChangeRefused(str(problem), "text") from problem
    lines = difflib.unified_diff(old, new, n=3, lineterm="")
    kinds = {"+": "added", "-": "removed", "@": "gap"}
    return _changed_ends(before, after) + [
        DiffLine(
            kinds.get(line[0], "same"),
            line[1:] if line[0] != "@" else f"line {line.split('+')[1].split(',')[0].split()[0]}",
        )
        for line in list(lines)[2:]
    ]


def _changed_ends(before: str, after: str) -> list[DiffLine]:
    was, becomes = named_ends(before), named_ends(after)
    if not was or not becomes or was == becomes:
        return []
    return [DiffLine("gap", f"line ends: {was} becomes {becomes}")]


def _mark(value: str) -> str:
    # Sixteen bits: enough to see that a secret changed, too little to find it by.
    return hmac.new(settings.SECRET_KEY.encode(), value.encode(), hashlib.sha256).hexdigest()[:4]


def edited_text(opened: ConfigurationVersion, edited: str) -> str:
    """The text that an editor means, secrets and line ends put back, after all checks. Raises
    ChangeRefused naming line and reason."""
    try:
        plain = unified(edited.removeprefix("\ufeff"))
        text = with_ends_of(opened.text, restored(plain, unified(opened.text)))
        check_replacement(text, opened.text)
    except InvalidText as problem:
        raise ChangeRefused(str(problem), "text") from problem
    return text


def save(
    upstream: Upstream,
    user: User,
    opened: ConfigurationVersion,
    text: str,
    reason: str = "",
    *,
    origin: ConfigurationVersion.Origin = Origin.SAVED,
) -> Intent:
    """Replace the file if it still is what was opened, and keep what the upstream made of it.
    Raises ChangeRefused."""
    if text == opened.text:
        raise ChangeRefused(gettext("Nothing is changed."), "text")
    what = SAVE() if origin == Origin.SAVED else ROLL_BACK()
    intent = carry_out(
        submit(
            upstream, ReplaceConfiguration(text=text, opened=opened.digest, what=what), user, reason
        )
    )
    if intent.state == Intent.State.VERIFIED:
        record_version(
            upstream, config_client.read_configuration(client_for(upstream)), origin, user, reason
        )
    return intent


def roll_back(
    upstream: Upstream, user: User, opened: ConfigurationVersion, target: ConfigurationVersion
) -> Intent:
    """Bring an old version back, if the file still is what was compared with it. Raises
    ChangeRefused."""
    reason = _VERSION(number=target.pk, instant=f"{target.at:%Y-%m-%d %H:%M}")
    return save(upstream, user, opened, target.text, reason, origin=Origin.ROLLED_BACK)


# Single settings
# -----------------------------------------------------------------------------------
def present_values(upstream: Upstream) -> dict[str, Value]:
    """The value of each setting as the upstream reports it, or its default. Raises
    UpstreamError."""
    config = json_object(client_for(upstream).call("GET", "config", CONFIGURATION).body)
    return {setting.name: setting.read(config) for setting in SETTINGS.values()}


def change_settings(
    upstream: Upstream, user: User, values: Mapping[str, Value], opened: Mapping[str, Value]
) -> list[Intent]:
    """Set some settings, each by its own route where it has one, the others in the file together.
    Raises ChangeRefused."""
    _require_staff(user)
    chosen: list[tuple[Setting, Value]] = [
        (_setting(name), value) for name, value in values.items()
    ]
    for setting, value in chosen:
        setting.check(value)
    intents = [
        submit(
            upstream,
            SetSwitch(path=setting.route, value=value, opened=opened.get(setting.name)),
            user,
        )
        for setting, value in chosen
        if setting.route
    ]
    if in_file := {setting.name: value for setting, value in chosen if not setting.route}:
        intents.append(
            submit(
                upstream,
                SetConfigurationValues(
                    values=in_file, opened={name: opened.get(name) for name in in_file}
                ),
                user,
            )
        )
    return [carry_out(intent) for intent in intents]


def _setting(name: str) -> Setting:
    if name not in SETTINGS:
        raise ChangeRefused(
            gettext("There is no such setting; there are %(names)s.")
            % {"names": ", ".join(SETTINGS)},
            name[:60],
        )
    return SETTINGS[name]


def _require_staff(user: User) -> None:
    if not user.is_staff:
        raise ChangeRefused(
            gettext("Only staff may change the configuration."), "", "AUTH_INSUFFICIENT_PERMISSIONS"
        )
