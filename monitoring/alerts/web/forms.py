"""Rules and channels as forms."""

import re
from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from monitoring.alerts.default_rules import shown_name
from monitoring.alerts.delivery.attempts import MOST_CHANNELS
from monitoring.alerts.signals import Signal
from monitoring.models import AlertChannel, AlertRule

_SCHEME = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]{0,30}://\S+$")
DURATION = re.compile(r"^(\d{1,7})\s*(s|min|h|d|)$")
_SIZES = {"s": 1, "min": 60, "h": 3600, "d": 86_400, "": 1}
LONGEST_SECONDS = 30 * 86_400


class DurationField(forms.CharField):
    """Seconds, entered as `90 s`, `10 min`, `4 h` or `1 d`."""

    def __init__(self, *, least: int = 0, **kwargs: Any) -> None:
        super().__init__(max_length=20, **kwargs)
        self.least = least
        self.widget.attrs["size"] = 8

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, int):
            return value
        for unit in ("d", "h", "min"):
            if value and value % _SIZES[unit] == 0:
                return f"{value // _SIZES[unit]} {unit}"
        return f"{value} s"

    def clean(self, value: Any) -> int:
        text = super().clean(value)
        found = DURATION.match(text)
        seconds = int(found[1]) * _SIZES[found[2]] if found else -1
        if not self.least <= seconds <= LONGEST_SECONDS:
            raise ValidationError(
                _("expected a duration like 90 s, 10 min, 4 h or 1 d, from %(least)s s to 30 d"),
                params={"least": self.least},
            )
        return seconds


class SuggestedField(forms.CharField):
    """A value that is chosen by its name, with a search that the browser does; a value itself is
    accepted as well. What has the same name as another is told apart by its value."""

    def __init__(self, *, name: str, suggestions: Iterable[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(max_length=200, **kwargs)
        pairs = list(suggestions)
        times = Counter(label for _, label in pairs)
        self.suggestions = {
            label if times[label] == 1 else f"{label} ({value})": value for value, label in pairs
        }
        self.list_id = f"{name}-names"
        self.widget.attrs |= {"list": self.list_id, "autocomplete": "off"}

    def prepare_value(self, value: Any) -> Any:
        return next((name for name, known in self.suggestions.items() if known == value), value)

    def clean(self, value: Any) -> str:
        text: str = super().clean(value)
        return self.suggestions.get(text, text)


class RuleForm(forms.ModelForm):  # type: ignore[type-arg]
    """A rule of one signal; its filters are fields of the form."""

    window_seconds = DurationField(label=_("Window"), least=60, initial=600)
    hold_seconds = DurationField(label=_("Must hold for"), initial=0)
    calm_seconds = DurationField(label=_("Resolved once calm for"), initial=300)
    repeat_seconds = DurationField(label=_("Remind every (0 s: never)"), initial=14_400)

    class Meta:
        model = AlertRule
        fields = (
            "name",
            "comparison",
            "threshold",
            "window_seconds",
            "least_volume",
            "hold_seconds",
            "calm_seconds",
            "repeat_seconds",
            "severity",
            "channels",
            "is_enabled",
        )
        labels = {
            "comparison": _("Fires when the value is"),
            "threshold": _("Threshold"),
            "least_volume": _("Only with at least so many events"),
            "is_enabled": _("Enabled"),
        }
        widgets = {"channels": forms.CheckboxSelectMultiple()}

    def __init__(self, *args: Any, signal: Signal, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.signal = signal
        if self.instance.name:
            self.initial["name"] = shown_name(self.instance.code, self.instance.name)
        if isinstance(threshold := self.initial.get("threshold"), float):
            self.initial["threshold"] = f"{threshold:.15g}"
        if unit := signal.unit.value:
            self.fields["threshold"].label = _("Threshold (%(unit)s)") % {"unit": unit}
        if not signal.has_window:
            del self.fields["window_seconds"]
        if not signal.has_volume:
            del self.fields["least_volume"]
        for known in signal.filters:
            self.fields[f"filter_{known.name}"] = self._filter_field(known.name)

    def _filter_field(self, name: str) -> forms.Field:
        known = next(f for f in self.signal.filters if f.name == name)
        initial = self.instance.filters.get(name, "")
        if known.suggestions:
            return SuggestedField(
                name=name,
                suggestions=known.suggestions(),
                label=known.label,
                required=False,
                initial=initial,
            )
        if known.choices is None:
            return forms.CharField(
                label=known.label, required=False, max_length=200, initial=initial
            )
        choices = [("", gettext("any")), *known.choices()]
        if initial and initial not in dict(choices):
            choices.append((initial, initial))
        return forms.ChoiceField(
            label=known.label, required=False, choices=choices, initial=initial
        )

    def clean_name(self) -> str:
        """What is stored, if it is shown in another language and was not changed."""
        name: str = self.cleaned_data["name"]
        return self.instance.name if name == self.initial.get("name") else name

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        filters = {
            known.name: cleaned[f"filter_{known.name}"]
            for known in self.signal.filters
            if cleaned.get(f"filter_{known.name}")
        }
        for name, value in filters.items():
            self._check_filter(name, value)
        cleaned["filters"] = filters
        return cleaned

    def _check_filter(self, name: str, value: str) -> None:
        field = f"filter_{name}"
        try:
            self.signal.validate({name: value})
        except ValueError as error:
            unknown = isinstance(self.fields[field], SuggestedField)
            reason = gettext("nothing has this name; choose one of the list") if unknown else error
            self.add_error(field, str(reason))

    def rule(self) -> AlertRule:
        """The rule of a valid form, not stored."""
        rule: AlertRule = self.save(commit=False)
        rule.signal, rule.filters = self.signal.name, self.cleaned_data["filters"]
        return rule


class ChannelForm(forms.ModelForm):  # type: ignore[type-arg]
    """A channel; the address is never shown again, and an empty one keeps what is stored."""

    language = forms.ChoiceField(label=_("Language"), required=False)
    address = forms.CharField(
        label=_("Address"),
        required=False,
        max_length=2000,
        widget=forms.TextInput(attrs={"size": 60, "autocomplete": "off", "spellcheck": "false"}),
    )

    class Meta:
        model = AlertChannel
        fields = ("name", "kind", "address", "least_severity", "language", "is_enabled")
        labels = {
            "kind": _("Kind"),
            "least_severity": _("Only alerts of at least"),
            "language": _("Language"),
            "is_enabled": _("Enabled"),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        usual = dict(settings.LANGUAGES)[settings.DEFAULT_LANGUAGE]
        first = ("", gettext("as installed (%(language)s)") % {"language": usual})
        self.fields["language"].choices = [first, *settings.LANGUAGES]  # type: ignore[attr-defined]

    def clean_address(self) -> str:
        text: str = self.cleaned_data["address"].strip()
        if not text and not self.instance.pk:
            raise ValidationError(_("expected an address"))
        if text and not _SCHEME.match(text):
            raise ValidationError(_("expected an address like tgram://token/chat or https://…"))
        return text

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        address, kind = cleaned.get("address"), cleaned.get("kind")
        is_http = bool(address) and urlsplit(str(address)).scheme in ("http", "https")
        if kind == AlertChannel.Kind.WEBHOOK and address and not is_http:
            self.add_error("address", _("expected an http or https address for a webhook"))
        if self.instance.pk and not address and "kind" in self.changed_data:
            self.add_error("address", _("expected the address again for another kind"))
        if not self.instance.pk and AlertChannel.objects.count() >= MOST_CHANNELS:
            text = gettext("There are %(count)s channels already, the most there may be.")
            self.add_error(None, text % {"count": MOST_CHANNELS})
        return cleaned

    def channel(self) -> AlertChannel:
        """The channel of a valid form, not stored."""
        channel: AlertChannel = self.save(commit=False)
        if address := self.cleaned_data["address"]:
            channel.store_address(address, hint_of(address, channel.kind))
        return channel


def hint_of(address: str, kind: str) -> str:
    """What may be seen of an address: its scheme, and of a webhook its host."""
    parts = urlsplit(address)
    if kind == AlertChannel.Kind.WEBHOOK:
        return f"{parts.scheme}://{parts.hostname}/…"
    return f"{address.partition('://')[0].lower()}://…"


class SilenceForm(forms.Form):
    """For how long no message is sent; 0 ends a silence."""

    minutes = forms.IntegerField(min_value=0, max_value=30 * 24 * 60)

    def lasting(self) -> timedelta:
        """The duration of a valid form."""
        return timedelta(minutes=self.cleaned_data["minutes"])
