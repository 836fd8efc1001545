"""Forms of the configuration's pages."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext

from providers.configuration.settings import SETTINGS, Setting, Value, grouped


def _field_of(setting: Setting) -> forms.Field:
    more: dict[str, Any] = {
        "label": gettext(setting.label),
        "help_text": gettext(setting.meaning),
        "required": False,
        "show_hidden_initial": True,
    }
    if isinstance(setting.default, bool):
        return forms.BooleanField(**more)
    if isinstance(setting.default, int):
        return forms.IntegerField(
            **{**more, "required": True}, min_value=setting.least, max_value=setting.most
        )
    return forms.ChoiceField(
        **more, choices=[(value, gettext(label)) for value, label in setting.choices]
    )


class SettingsForm(forms.Form):
    """One field a setting, which carries along what it was when the page was opened."""

    def __init__(self, data: Any = None, *, present: Mapping[str, Value]) -> None:
        super().__init__(data, initial=dict(present))
        self.fields = {name: _field_of(setting) for name, setting in SETTINGS.items()}

    def groups(self) -> list[tuple[str, list[forms.BoundField]]]:
        """The fields by group."""
        return [
            (gettext(group), [self[setting.name] for setting in settings])
            for group, settings in grouped().items()
        ]

    def changes(self) -> dict[str, Value]:
        """What the person changed since the page was opened."""
        return {name: self.cleaned_data[name] for name in self.changed_data}

    def opened(self) -> dict[str, Value]:
        """What the changed ones were then."""
        return {name: self._opened(name) for name in self.changed_data}

    def _opened(self, name: str) -> Value:
        default, text = SETTINGS[name].default, str(self.data.get(self[name].html_initial_name, ""))
        if isinstance(default, bool):
            return text == "True"
        return int(text) if isinstance(default, int) and text.lstrip("-").isdecimal() else text


class EditorForm(forms.Form):
    """The file as edited, what was opened, and why."""

    text = forms.CharField(strip=False, required=False)
    opened = forms.IntegerField(min_value=1, max_value=2**62)
    reason = forms.CharField(required=False, max_length=200)
