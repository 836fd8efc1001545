"""What may be chosen on the page: a key that the user may see, a protocol and a model."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from management_proxy.client_api.protocols import PROTOCOLS
from providers.models import ClientKey
from usage.connect.clients import owners_suited_to
from usage.connect.served import Served


def _label(key: ClientKey) -> str:
    """A key's name, with the characters by which people tell keys apart."""
    return f"{key.name} …{key.last_four}" if key.name and key.last_four else str(key)


class TrialForm(forms.Form):
    """A key, a model and a protocol of one upstream; fields that the page and the try share."""

    key = forms.ModelChoiceField(ClientKey.objects.none(), label=_("Client key"), empty_label=None)
    # Without one, what suits the protocol is tried.
    model = forms.ChoiceField(
        label=_("Model"),
        required=False,
        error_messages={"invalid_choice": _("The upstream serves no such model.")},
    )
    protocol = forms.ChoiceField(
        label=_("Protocol"),
        choices=[(slug, protocol.name) for slug, protocol in PROTOCOLS.items()],
    )

    def __init__(self, *args: Any, keys: Any, served: Served, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._served = served
        self.fields["key"].queryset = keys  # type: ignore[attr-defined]
        self.fields["key"].label_from_instance = _label  # type: ignore[attr-defined]
        self.fields["model"].choices = [  # type: ignore[attr-defined]
            ("", _("suited to each client")),
            *((owner or "–", [(name, name) for name in names]) for owner, names in served.by_owner),
        ]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if "protocol" in cleaned and cleaned.get("model") == "":
            cleaned["model"] = self._served.newest_of(owners_suited_to(cleaned["protocol"]))
            if not cleaned["model"]:
                self.add_error("model", self.fields["model"].error_messages["invalid_choice"])
        return cleaned
