"""Forms of provider keys: what of an entry people edit, as text they can read; secrets can be set,
never read."""

from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.core import signing
from django.utils.text import format_lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from monitoring.masking import last4
from providers.digests import value_digest
from providers.errors import ChangeRefused
from providers.keys.entries import EVERYTHING, Entry, meaningful, means_same
from providers.keys.families import FAMILIES, Family
from providers.web.forms import note_field

# Represents a value that is kept and not shown.
KEPT = "…"
_SALT = "providers.opened-entry"
_AREA = {"rows": 3, "spellcheck": "false"}


class EntryForm(forms.Form):
    """One entry of a family; `changes` are the fields that differ from the entry it was opened
    with."""

    name = forms.CharField(
        label=_("Name"),
        max_length=100,
        required=False,
        help_text=_("For people; the upstream never sees it."),
    )
    owner = forms.ModelChoiceField(User.objects.none(), required=False, empty_label=_("no owner"))
    note = note_field()
    key = forms.CharField(
        label=_("Key"), required=False, widget=forms.PasswordInput(attrs={"autocomplete": "off"})
    )
    base_url = forms.CharField(
        label=_("Base URL"), required=False, help_text=_("Empty for the provider's own.")
    )
    model_prefix = forms.CharField(
        label=_("Prefix"),
        required=False,
        max_length=100,
        help_text=_("Clients request prefix/model."),
    )
    priority = forms.IntegerField(required=False, help_text=_("Higher is used first."))
    weight = forms.IntegerField(
        required=False, help_text=_("Share among equals; 0 or less excludes.")
    )
    proxy_url = forms.CharField(
        label=_("Proxy"), required=False, help_text=_("socks5://host:1080, or direct.")
    )
    models = forms.CharField(
        required=False,
        widget=forms.Textarea(_AREA),
        help_text=_("One a line: name, or name = alias."),
    )
    excluded_models = forms.CharField(
        label=_("Excluded models"),
        required=False,
        widget=forms.Textarea(_AREA),
        help_text=_("One a line; * matches anything."),
    )
    headers = forms.CharField(
        required=False,
        widget=forms.Textarea(_AREA),
        help_text=format_lazy(_("One a line: Name: value. {kept} keeps a value."), kept=KEPT),
    )
    opened = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(
        self,
        family: Family,
        entry: Entry,
        data: Any = None,
        *,
        is_staff: bool,
        initial: dict[str, Any],
    ) -> None:
        self.family, self.entry = family, entry
        super().__init__(
            data, initial={"opened": _fingerprints(entry), **_as_text(entry), **initial}
        )
        self.fields["owner"].queryset = User.objects.filter(is_active=True).order_by("username")  # type: ignore[attr-defined]
        self.fields["key"].help_text = (
            gettext("Now %(end)s; empty keeps it.") % {"end": last4(entry["api-key"])}
            if entry.get("api-key")
            else ""
        )
        self.fields["key"].required = not entry.get("api-key")
        if family.needs_base_url:
            self.fields["base_url"].required = True
            self.fields["base_url"].help_text = gettext("The upstream drops entries without one.")
        for name in () if is_staff else ("owner", "proxy_url"):
            del self.fields[name]

    def changes(self) -> Entry:
        """The fields to set, None to remove one. Raises ChangeRefused if one was changed meanwhile
        by another user."""
        data = self.cleaned_data
        given: Entry = {
            "base-url": data["base_url"],
            "prefix": data["model_prefix"],
            "priority": data["priority"],
            "weight": data["weight"],
            "models": self._models(data["models"]),
            "excluded-models": self._excluded(data["excluded_models"]),
            "headers": self._headers(data["headers"]),
            **({"proxy-url": data["proxy_url"]} if "proxy_url" in data else {}),
        }
        given |= {"api-key": data["key"].strip()} if data["key"].strip() else {}
        changed = {
            name: value
            for name, value in given.items()
            if not means_same(value, self.entry.get(name))
        }
        self._check_opened(changed)
        return {
            name: value if value not in ("", [], {}) else None for name, value in changed.items()
        }

    def _check_opened(self, changed: Entry) -> None:
        if not self.entry:
            return
        try:
            opened = signing.loads(self.cleaned_data["opened"], salt=_SALT)
        except signing.BadSignature as error:
            raise ChangeRefused(gettext("open the page again"), "", "CONFLICT") from error
        for name in changed:
            if opened.get(name) != _fingerprint(name, self.entry.get(name)):
                raise ChangeRefused(
                    gettext("it was changed after you opened the page; reload the page"),
                    name,
                    "CONFLICT",
                )

    def refuse(self, refusal: ChangeRefused) -> None:
        """Show a refusal at the field that it names."""
        name = {"api-key": "key", "prefix": "model_prefix"}.get(
            refusal.field, refusal.field.replace("-", "_")
        )
        self.add_error(
            name if name in self.fields else None,
            (
                refusal.message
                if name in self.fields
                else f"{refusal.field} {refusal.message}".strip()
            ),
        )

    def _models(self, text: str) -> list[Entry]:
        known = {model.get("name"): model for model in self.entry.get("models") or []}
        models = []
        for line in _lines(text):
            name, _, alias = (part.strip() for part in line.partition("="))
            kept = {
                field: value
                for field, value in known.get(name, {}).items()
                if field not in ("name", "alias")
            }
            models.append({**kept, "name": name, **({"alias": alias} if alias else {})})
        return models

    def _excluded(self, text: str) -> list[str]:
        # Being disabled is the switch's business, and not undone by an edit.
        disabled = [EVERYTHING] if EVERYTHING in (self.entry.get("excluded-models") or []) else []
        return [line.lower() for line in _lines(text) if line != EVERYTHING] + disabled

    def _headers(self, text: str) -> dict[str, str]:
        present = self.entry.get("headers") or {}
        pairs = [tuple(part.strip() for part in line.partition(":")[::2]) for line in _lines(text)]
        return {
            name: str(present.get(name, "")) if value == KEPT else value for name, value in pairs
        }


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _as_text(entry: Entry) -> dict[str, Any]:
    return {
        "base_url": entry.get("base-url", ""),
        "model_prefix": entry.get("prefix", ""),
        "priority": entry.get("priority"),
        "weight": entry.get("weight"),
        "proxy_url": entry.get("proxy-url", ""),
        "models": "\n".join(_model_line(model) for model in entry.get("models") or []),
        "excluded_models": "\n".join(
            pattern for pattern in entry.get("excluded-models") or [] if pattern != EVERYTHING
        ),
        "headers": "\n".join(f"{name}: {KEPT}" for name in entry.get("headers") or {}),
    }


def _model_line(model: dict[str, Any]) -> str:
    name, alias = model.get("name", ""), model.get("alias")
    return f"{name} = {alias}" if alias and alias != model.get("name") else str(name)


def _fingerprints(entry: Entry) -> str:
    names = (
        {*entry, *(name for family in FAMILIES.values() for name in family.fields)}
        if entry
        else set()
    )
    return signing.dumps({name: _fingerprint(name, entry.get(name)) for name in names}, salt=_SALT)


def _fingerprint(name: str, value: Any) -> str:
    """Keyed, since what it is of may be a secret."""
    return value_digest(meaningful({name: value}))[:16]
