"""Forms of a custom provider: its own fields, and rows of keys, models and headers. Stored secrets
are never shown again."""

from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.utils.translation import gettext_lazy as _

from management_proxy.models import Upstream
from monitoring.masking import last4
from providers.custom.queries import CustomRow, visible_groups
from providers.keys.entries import Entry, meaningful
from providers.models import ProviderGroup

SPARE_ROWS = 2


class ProviderForm(forms.Form):
    """The provider itself."""

    name = forms.CharField(max_length=100)
    base_url = forms.CharField(
        label=_("Address"),
        max_length=500,
        help_text=_("Where its API begins, for instance https://api.example.com/v1"),
        widget=forms.TextInput(attrs={"inputmode": "url"}),
    )
    # Django takes fields off the class, so that its own `prefix` stays.
    prefix = forms.CharField(
        required=False, max_length=100, help_text=_("Clients request models as prefix/model.")
    )  # type: ignore[assignment]
    priority = forms.IntegerField(required=False, help_text=_("Higher ones are used first."))
    request_retry = forms.IntegerField(
        label=_("Retries"), required=False, help_text=_("Empty: as for all.")
    )
    disabled = forms.BooleanField(label=_("Out of use"), required=False)
    disable_cooling = forms.BooleanField(label=_("Never cool down"), required=False)
    support_prompt_cache_key = forms.BooleanField(
        label=_("Takes prompt cache keys"), required=False
    )
    group = forms.ModelChoiceField(
        queryset=ProviderGroup.objects.none(), required=False, empty_label=_("none")
    )
    is_shared = forms.BooleanField(
        label=_("Shared: all users see it and its models"), required=False
    )

    def __init__(self, data: Any = None, *, user: User, upstream: Upstream, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self.fields["group"].queryset = visible_groups(upstream, user)  # type: ignore[attr-defined]
        if not user.is_staff:
            del self.fields["is_shared"]

    def entry(self) -> Entry:
        """The fields as the upstream calls them; None where nothing is given."""
        given = self.cleaned_data
        texts = {
            "name": given["name"],
            "base-url": given["base_url"],
            "prefix": given["prefix"] or None,
        }
        numbers = {"priority": given["priority"], "request-retry": given["request_retry"]}
        flags = {
            name.replace("_", "-"): given[name] or None
            for name in ("disabled", "disable_cooling", "support_prompt_cache_key")
        }
        return {**texts, **numbers, **flags}


class KeyForm(forms.Form):
    """One key; an empty one in a row that has one keeps it."""

    place = forms.IntegerField(required=False, widget=forms.HiddenInput)
    key = forms.CharField(
        required=False,
        max_length=4096,
        strip=True,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}, render_value=False),
    )
    proxy = forms.CharField(required=False, max_length=500)
    weight = forms.IntegerField(required=False)


class ModelForm(forms.Form):
    """One model and the name by which clients request it."""

    place = forms.IntegerField(required=False, widget=forms.HiddenInput)
    name = forms.CharField(required=False, max_length=200)
    alias = forms.CharField(required=False, max_length=200)


class HeaderForm(forms.Form):
    """One header; an empty value in a row that has one keeps it."""

    name = forms.CharField(required=False, max_length=200)
    value = forms.CharField(
        label=_("Value"),
        required=False,
        max_length=4000,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}, render_value=False),
    )


KeyRows = forms.formset_factory(KeyForm, extra=SPARE_ROWS, can_delete=True, max_num=500)
ModelRows = forms.formset_factory(ModelForm, extra=SPARE_ROWS, can_delete=True, max_num=500)
HeaderRows = forms.formset_factory(HeaderForm, extra=1, can_delete=True, max_num=100)


class CustomProviderForms:
    """All forms of one provider, for a new one or for the one that is listed."""

    def __init__(
        self, data: Any, user: User, upstream: Upstream, row: CustomRow | None = None
    ) -> None:
        self.opened: Entry = row.listed.entry if row else {}
        self.provider = ProviderForm(
            data, user=user, upstream=upstream, initial=_initial(self.opened, row)
        )
        self.keys = KeyRows(
            data,
            prefix="keys",
            initial=[
                _key_row(place, item) for place, item in enumerate(self._items("api-key-entries"))
            ],
        )
        self.models = ModelRows(
            data,
            prefix="models",
            initial=[_model_row(place, item) for place, item in enumerate(self._items("models"))],
        )
        for form in self.keys.forms:
            if form.initial.get("hint"):
                form.fields["key"].widget.attrs["placeholder"] = _("stored")
        self.headers = HeaderRows(
            data,
            prefix="headers",
            initial=[{"name": name} for name in self.opened.get("headers") or {}],
        )

    def _items(self, field: str) -> list[Entry]:
        return [item for item in self.opened.get(field) or [] if isinstance(item, dict)]

    def is_valid(self) -> bool:
        """Whether all are."""
        return not [
            form
            for form in (self.provider, self.keys, self.models, self.headers)
            if not form.is_valid()
        ]

    def entry(self, found: list[str]) -> Entry:
        """What the forms hold, with the models found and chosen; kept keys, headers and unknown
        fields of rows put back."""
        models = [*self._models(), *({"name": name} for name in found)]
        fields = {"api-key-entries": self._keys(), "models": models, "headers": self._headers()}
        return {**self.provider.entry(), **{name: value or None for name, value in fields.items()}}

    def changes(self, found: list[str]) -> Entry:
        """Only the fields that differ from what was opened."""
        return {
            name: value
            for name, value in self.entry(found).items()
            if meaningful({"": value}) != meaningful({"": self.opened.get(name)})
        }

    def _rows(self, rows: Any) -> list[dict[str, Any]]:
        return [
            form.cleaned_data
            for form in rows
            if form.cleaned_data and not form.cleaned_data.get("DELETE")
        ]

    def _kept(self, field: str, place: int | None) -> Entry:
        items = self._items(field)
        return items[place] if place is not None and 0 <= place < len(items) else {}

    def _keys(self) -> list[Entry]:
        entries = []
        for given in self._rows(self.keys):
            kept = self._kept("api-key-entries", given["place"])
            key = given["key"] or str(kept.get("api-key") or "")
            proxy = (
                kept.get("proxy-url") if given["proxy"] == _proxy_shown(kept) else given["proxy"]
            )
            if key:
                entry = {
                    **kept,
                    "api-key": key,
                    "proxy-url": proxy or None,
                    "weight": given["weight"],
                }
                entries.append({name: value for name, value in entry.items() if value is not None})
        return entries

    def _models(self) -> list[Entry]:
        models = []
        for given in self._rows(self.models):
            if given["name"]:
                model = {
                    **self._kept("models", given["place"]),
                    "name": given["name"],
                    "alias": given["alias"] or None,
                }
                models.append({name: value for name, value in model.items() if value is not None})
        return models

    def _headers(self) -> dict[str, str]:
        kept = self.opened.get("headers") or {}
        return {
            given["name"]: given["value"] or str(kept.get(given["name"], ""))
            for given in self._rows(self.headers)
            if given["name"]
        }

    def typed_key(self) -> str:
        """A key that was entered just now, for listing the models."""
        return next((given["key"] for given in self._rows(self.keys) if given["key"]), "")

    def typed_headers(self) -> dict[str, str]:
        """Headers whose values were entered just now."""
        return {
            given["name"]: given["value"]
            for given in self._rows(self.headers)
            if given["name"] and given["value"]
        }

    def complain(self, field: str, message: str) -> None:
        """Show a refusal at the field that it names."""
        name = field.replace("-", "_")
        self.provider.add_error(
            name if name in self.provider.fields else None,
            f"{field}: {message}" if name not in self.provider.fields and field else message,
        )


def _initial(entry: Entry, row: CustomRow | None) -> dict[str, Any]:
    fields = {
        name: entry.get(name.replace("_", "-"))
        for name in (
            "name",
            "base_url",
            "prefix",
            "priority",
            "request_retry",
            "disabled",
            "disable_cooling",
            "support_prompt_cache_key",
        )
    }
    return {
        **fields,
        "group": row.group if row else None,
        "is_shared": row.is_shared if row else False,
    }


def _key_row(place: int, item: Entry) -> dict[str, Any]:
    return {
        "place": place,
        "proxy": _proxy_shown(item),
        "weight": item.get("weight"),
        "hint": last4(str(item.get("api-key") or "")),
    }


def _proxy_shown(item: Entry) -> str:
    proxy = str(item.get("proxy-url") or "")
    return f"{proxy.split('://', 1)[0]}://…@{proxy.rsplit('@', 1)[1]}" if "@" in proxy else proxy


def _model_row(place: int, item: Entry) -> dict[str, Any]:
    return {"place": place, "name": item.get("name"), "alias": item.get("alias")}


class GroupForm(forms.Form):
    """A group."""

    name = forms.CharField(max_length=50)
    colour = forms.ChoiceField(
        choices=ProviderGroup.Colour.choices, initial=ProviderGroup.Colour.BLUE
    )
    is_everybodys = forms.BooleanField(label=_("For all users"), required=False)
