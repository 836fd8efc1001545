"""Forms of a new rate and of what a user wants to see."""

from decimal import Decimal
from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from monitoring.web.currency import DOLLAR
from monitoring.web.inputs import DayInput
from usage.currencies.queries import currency_on, known_currencies
from usage.forms.windows import EARLIEST_DAY, LATEST_DAY
from usage.models.currencies import is_code

# A rate that is so many times the one before is most likely a slip, or the wrong way round.
_ABSURD = 2


class RateForm(forms.Form):
    """A rate of a currency, from a day on."""

    currency = forms.CharField(
        label=gettext_lazy("Currency"),
        max_length=3,
        validators=[is_code],
        help_text=gettext_lazy("Its three letters, such as EUR."),
    )
    rate = forms.DecimalField(
        label=gettext_lazy("A dollar is"),
        min_value=Decimal("0.000000001"),
        max_digits=18,
        decimal_places=9,
        help_text=gettext_lazy("Units of the currency for one US dollar, such as 0.92."),
    )
    holds_from = forms.DateField(
        label=pgettext_lazy("day", "From"),
        widget=DayInput(),
        help_text=gettext_lazy("The first day; until then the rate before holds."),
    )
    confirmed = forms.BooleanField(required=False, widget=forms.HiddenInput)
    needs_confirmation = False

    def clean_currency(self) -> str:
        """A currency other than the dollar."""
        code = str(self.cleaned_data["currency"])
        if code == DOLLAR:
            raise forms.ValidationError(_("Costs are stored in US dollars, which need no rate."))
        return code

    def clean_holds_from(self) -> Any:
        """A day that usage can have."""
        day = self.cleaned_data["holds_from"]
        if not EARLIEST_DAY <= day <= LATEST_DAY:
            raise forms.ValidationError(
                _("Expected a day between %(first)s and %(last)s.")
                % {"first": EARLIEST_DAY, "last": LATEST_DAY}
            )
        return day

    def clean(self) -> dict[str, Any]:
        """Raise what has to be confirmed."""
        data: dict[str, Any] = super().clean() or {}
        if not self.errors and not data.get("confirmed"):
            before = currency_on(data["currency"], data["holds_from"]).rate
            if before and not before / _ABSURD <= data["rate"] <= before * _ABSURD:
                self.needs_confirmation = True
                self.add_error(
                    None,
                    _("The rate before is %(before)s. Send it again if %(rate)s is meant.")
                    % {"before": f"{before.normalize():f}", "rate": f"{data['rate']:f}"},
                )
        return data


class ChoiceForm(forms.Form):
    """The currency that a user wants to see."""

    show = forms.ChoiceField(label=gettext_lazy("Show amounts in"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = dict.fromkeys([*known_currencies(), settings.CURRENCY])
        self.fields["show"].choices = [(code, code) for code in known]  # type: ignore[attr-defined]
