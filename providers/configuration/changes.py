"""Changes of the upstream's configuration: the whole file, single values in it, and the switches
that have a route."""

import time
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_noop as _

from management_proxy.client import configuration as config_client
from management_proxy.client.http import ManagementClient
from monitoring.masking import masked
from monitoring.texts.recorded import Recorded
from providers.configuration.document import (
    InvalidText,
    check_replacement,
    has_values_of,
    set_value,
    value_at,
)
from providers.configuration.settings import Value
from providers.errors import ChangeRefused
from providers.funnel.changes import Change, Moved, State, registered
from providers.models.configuration import digest_of

# The upstream notices a replaced file by watching it (contract 8.3); counted as a part of what the
# write took.
WATCHER_SECONDS = 0.2
SAVE = Recorded(_("Save config.yaml"))
ROLL_BACK = Recorded(_("Roll config.yaml back"))
REPLACE = Recorded(_("Replace config.yaml"))
SET = Recorded(_("Set %(settings)s"))
_MOVED = Recorded(_("It was changed in the meantime; reload the page."))
_CHANGED_SINCE = Recorded(
    _("The configuration has changed since; compare and edit the current version.")
)


@dataclass(frozen=True)
class ConfigurationFile:
    """`config.yaml`; a state is its text."""

    name: str = "config.yaml"
    reloads: bool = True

    def read(self, client: ManagementClient) -> str:
        return config_client.read_configuration(client)

    def write(self, client: ManagementClient, before: str, after: str) -> None:
        if self.read(client) != before:
            raise Moved
        config_client.replace_configuration(client, after)
        time.sleep(WATCHER_SECONDS)


@dataclass(frozen=True)
class Switch:
    """One simple setting with a route of its own; a state is its value."""

    path: str
    reloads: bool = True

    @property
    def name(self) -> str:
        return f"switch:{self.path}"

    def read(self, client: ManagementClient) -> State:
        return config_client.read_switch(client, self.path)

    def write(self, client: ManagementClient, before: State, after: State) -> None:
        config_client.write_switch(client, self.path, after)


@registered
class ReplaceConfiguration(Change, frozen=True, kw_only=True):
    """The whole file, if it still is what was opened."""

    kind = "configuration.replaced"
    joins = False
    text: str
    opened: str  # digest
    what: str = SAVE()

    @property
    def resource(self) -> ConfigurationFile:
        return ConfigurationFile()

    @property
    def subject(self) -> str:
        return "file"

    @property
    def title(self) -> str:
        return self.what

    def next(self, state: State) -> State:
        if state == self.text:
            return state
        if digest_of(state) != self.opened:
            raise ChangeRefused(
                _CHANGED_SINCE(),
                "text",
                "CONFLICT",
            )
        _checked(self.text, state)
        return self.text

    def holds(self, state: State) -> bool:
        return _has_values_of(state, self.text)

    def shown(self, state: State) -> Any:
        return {"digest": digest_of(state)[:12], "bytes": len(state.encode())}


@registered
class SetConfigurationValues(Change, frozen=True, kw_only=True):
    """Some values of the file that have no route of their own; everything else stays, comments
    too."""

    kind = "configuration.values_set"
    joins = False
    values: dict[str, Value]
    opened: dict[str, Value | None]

    @property
    def resource(self) -> ConfigurationFile:
        return ConfigurationFile()

    @property
    def subject(self) -> str:
        return "values"

    @property
    def title(self) -> str:
        return SET(settings=", ".join(sorted(self.values)))[:200]

    def next(self, state: State) -> State:
        text: str = state
        for name, value in self.values.items():
            if not self._has(state, name, value):
                _check_unmoved(name, value_at(state, (name,)), self.opened.get(name), _written)
                text = set_value(text, (name,), value)
        _checked(text, state)
        return text

    @staticmethod
    def _has(text: str, name: str, value: Value) -> bool:
        return value_at(text, (name,)) == _written(value)

    def holds(self, state: State) -> bool:
        return all(self._has(state, name, value) for name, value in self.values.items())

    def shown(self, state: State) -> Any:
        return {name: value_at(state, (name,)) for name in self.values}


@registered
class SetSwitch(Change, frozen=True, kw_only=True):
    """One simple setting through its own route."""

    kind = "configuration.switched"
    path: str
    value: Value
    opened: Value | None = None

    @property
    def resource(self) -> Switch:
        return Switch(self.path)

    @property
    def subject(self) -> str:
        return "value"

    @property
    def title(self) -> str:
        return SET(settings=self.path)

    def next(self, state: State) -> State:
        if state != self.value:
            _check_unmoved(self.path, state, self.opened, lambda value: value)
        return self.value

    def holds(self, state: State) -> bool:
        return bool(state == self.value)

    def shown(self, state: State) -> Any:
        return masked({self.path: state})


def _check_unmoved(name: str, present: Any, opened: Value | None, written: Any) -> None:
    # An absent value reads as the default.
    if opened is not None and present is not None and present != written(opened):
        raise ChangeRefused(_MOVED(), name, "CONFLICT")


def _written(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _checked(text: str, before: str) -> None:
    try:
        check_replacement(text, before)
    except InvalidText as problem:
        raise ChangeRefused(str(problem), "text") from problem


def _has_values_of(state: str, text: str) -> bool:
    try:
        return has_values_of(state, text)
    except InvalidText:
        return False
