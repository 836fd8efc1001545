"""Forms of own prices and recomputations: what may be entered, and what is asked about first."""

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.auth.models import User
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext, gettext_noop, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from monitoring.web.formats import localized
from monitoring.web.inputs import DayInput
from providers.models import ClientKey, Credential
from usage.costs.price_book import PriceBook
from usage.costs.rates import dollars_of, rate_of
from usage.models import OwnPrice
from usage.models.prices import LARGEST_RATE, RATE_KINDS

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise as StrOrPromise

Kind = OwnPrice.Kind
# A price so many times that of its neighbour is most likely a slip of the decimal point.
ABSURD = 1000
# A surcharge beyond so many percent likewise.
ABSURD_SURCHARGE = -300
_NEEDED = {
    Kind.PRICE: ("input_price", "output_price"),
    Kind.DISCOUNT: ("percent",),
    Kind.MATCH: ("model", "catalogue_model"),
}
_KIND_NAMES = {
    "input": gettext_noop("input"),
    "cache_read": gettext_noop("cache reads"),
    "cache_write": gettext_noop("cache writes"),
    "output": gettext_noop("output"),
    "reasoning": gettext_noop("reasoning"),
}
_PRICES = tuple(f"{kind}_price" for kind in RATE_KINDS)


def _price(label: "StrOrPromise", help_text: "StrOrPromise" = "") -> forms.DecimalField:
    return forms.DecimalField(
        label=format_lazy(_("{label}, $ per million tokens"), label=label),
        required=False,
        min_value=0,
        max_value=dollars_of(LARGEST_RATE),
        max_digits=12,
        decimal_places=6,
        help_text=help_text,
    )


class OwnPriceForm(forms.Form):
    """A new own price: whose traffic, since when, what."""

    kind = forms.ChoiceField(
        label=_("What"),
        choices=[
            (Kind.PRICE, _("A price per million tokens")),
            (Kind.DISCOUNT, _("A discount in percent")),
            (Kind.FLAT, _("A flat rate: requests cost nothing, the list price is still shown")),
            (Kind.MATCH, _("Priced like another model of the catalogue")),
            (Kind.HOUR_CACHE, _("Cache writes live for an hour instead of five minutes")),
        ],
    )
    model = forms.CharField(
        required=False,
        max_length=200,
        help_text=_("As the events have it; * is any text; empty for all."),
    )
    provider = forms.CharField(
        required=False, max_length=100, help_text=_("As the events have it; empty for all.")
    )
    client_key = forms.ModelChoiceField(
        ClientKey.objects.none(), required=False, empty_label=_("all"), label=_("Client key")
    )
    user = forms.ModelChoiceField(User.objects.none(), required=False, empty_label=_("all"))
    credential = forms.ModelChoiceField(
        Credential.objects.none(), required=False, empty_label=_("all")
    )
    holds_from = forms.DateField(
        label=_("Holds from"),
        widget=DayInput(),
        help_text=_("The first day, in the installation's time zone."),
    )
    last_day = forms.DateField(
        label=_("Last day"),
        required=False,
        widget=DayInput(),
        help_text=_("Empty: until another takes over."),
    )
    input_price = _price(_("Input"))
    cache_read_price = _price(_("Cache reads"), _("Empty: like input."))
    cache_write_price = _price(_("Cache writes"), _("Empty: like input."))
    output_price = _price(_("Output"))
    reasoning_price = _price(_("Reasoning"), _("Empty: like output."))
    percent = forms.DecimalField(
        label=_("Discount, %"),
        required=False,
        min_value=-1000,
        max_value=100,
        max_digits=7,
        decimal_places=3,
        help_text=_("Negative for a surcharge."),
    )
    catalogue_model = forms.CharField(
        label=_("Model of the catalogue"),
        required=False,
        max_length=250,
        help_text=_("provider/model, such as openai/gpt-5.4"),
    )
    note = forms.CharField(required=False, max_length=200)
    confirmed = forms.BooleanField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, book: PriceBook, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._book = book
        self.fields["client_key"].queryset = ClientKey.objects.order_by("name", "pk")  # type: ignore[attr-defined]
        self.fields["user"].queryset = User.objects.order_by("username")  # type: ignore[attr-defined]
        self.fields["credential"].queryset = Credential.objects.order_by("provider", "label")  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Raise what is missing or contradicts itself, and what has to be confirmed."""
        data: dict[str, Any] = super().clean() or {}
        kind = data.get("kind")
        for name in _NEEDED.get(Kind(kind), ()) if kind else ():
            if data.get(name) in (None, "") and name not in self.errors:
                self.add_error(name, gettext("This is needed."))
        first, last = data.get("holds_from"), data.get("last_day")
        if first and last and last < first:
            self.add_error("last_day", gettext("That is before the first day."))
        reference = data.get("catalogue_model")
        if kind == Kind.MATCH and reference and self._book.catalogue.get(reference) is None:
            self.add_error("catalogue_model", gettext("The catalogue has no such model."))
        if not self.errors and not data.get("confirmed") and (doubt := self._doubt(data)):
            self.needs_confirmation = True
            self.add_error(
                None, gettext("%(doubt)s Send it again if it is meant.") % {"doubt": doubt}
            )
        return data

    needs_confirmation = False

    def _doubt(self, data: dict[str, Any]) -> str:
        """What looks like a slip, as a sentence; empty if nothing does."""
        if data["kind"] == Kind.DISCOUNT and data["percent"] < ABSURD_SURCHARGE:
            return gettext("That is a surcharge of %(share)s %%.") % {"share": -data["percent"]}
        if data["kind"] != Kind.PRICE:
            return ""
        return self._far_from_the_list(data) or self._far_apart(data)

    def _far_from_the_list(self, data: dict[str, Any]) -> str:
        found = self._book.match_of(data["provider"], data["model"])
        steps = found.model.steps(timezone.now(), "") if found else ()
        if not found or not steps:
            return ""
        for kind in RATE_KINDS:
            listed, price = getattr(steps[0].rates, kind), data[f"{kind}_price"]
            if listed and price is not None and not _near(price, dollars_of(listed)):
                return gettext(
                    "The list price of %(model)s for %(kind)s is $%(listed)s, and this is"
                    " $%(price)s."
                ) % {
                    "model": found.model.reference,
                    "kind": gettext(_KIND_NAMES[kind]),
                    "listed": localized(f"{dollars_of(listed):f}"),
                    "price": localized(f"{price:f}"),
                }
        return ""

    @staticmethod
    def _far_apart(data: dict[str, Any]) -> str:
        known = [price for name in _PRICES if (price := data[name])]
        if known and not _near(max(known), min(known)):
            return gettext("One price is $%(least)s and another $%(most)s.") % {
                "least": localized(f"{min(known):f}"),
                "most": localized(f"{max(known):f}"),
            }
        return ""

    def price(self) -> OwnPrice:
        """The own price that a valid form describes, not stored."""
        data = self.cleaned_data
        kind, last = Kind(data["kind"]), data["last_day"]
        price = OwnPrice(
            kind=kind,
            holds_until=last + timedelta(days=1) if last else None,
            **{name: data[name] for name in ("provider", "model", "client_key", "user")},
            **{name: data[name] for name in ("credential", "holds_from", "note")},
        )
        if kind == Kind.PRICE:
            for name in RATE_KINDS:
                dollars = data[f"{name}_price"]
                setattr(price, f"{name}_rate", None if dollars is None else rate_of(dollars))
        elif kind == Kind.DISCOUNT:
            price.percent = data["percent"]
        elif kind == Kind.MATCH:
            price.catalogue_model = data["catalogue_model"]
        return price


def _near(one: Decimal, other: Decimal) -> bool:
    """Whether two prices are within `ABSURD` of each other; nothing is near to what is free."""
    return one == 0 or (one < other * ABSURD and other < one * ABSURD)


class EndForm(forms.Form):
    """From which day on an own price holds no more."""

    day = forms.DateField(label=_("First day without it"), widget=DayInput())


class RecomputationForm(forms.Form):
    """Which days are priced anew, and which models."""

    first = forms.DateField(label=pgettext_lazy("day", "From"), widget=DayInput())
    last = forms.DateField(label=_("To, included"), widget=DayInput())
    models = forms.CharField(
        required=False,
        max_length=2000,
        help_text=_("Names as the events have them, separated by commas; empty for all."),
    )

    def clean_models(self) -> list[str]:
        """The names."""
        names = self.cleaned_data["models"].split(",")
        return [name.strip()[:200] for name in names if name.strip()]
