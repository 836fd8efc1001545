"""Forms of budgets and their exceptions."""

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from management_proxy.models import Upstream
from monitoring.web.inputs import DayInput
from providers.models import ClientKey
from usage.budgets import amounts
from usage.models import Budget
from usage.models.budgets import LONGEST_ROLLING_HOURS, MOST_LEVELS

Scope, Period = Budget.Scope, Budget.Period
HOURS, DAYS = 1, 24
# The field that names the party of a scope.
_PARTIES = {
    Scope.KEY: "client_key",
    Scope.USER: "user",
    Scope.PROVIDER: "provider",
    Scope.UPSTREAM: "upstream",
}


class BudgetForm(forms.Form):
    """A budget: whose usage, how much of what in which period, and what happens."""

    name = forms.CharField(
        label=_("Name"), max_length=80, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    scope = forms.ChoiceField(label=_("Applies to"), choices=Scope.choices)
    client_key = forms.ModelChoiceField(
        ClientKey.objects.none(),
        label=_("Client key"),
        required=False,
        empty_label="–",
        help_text=_("A key that replaces it counts as well."),
    )
    user = forms.ModelChoiceField(
        User.objects.none(), label=_("User"), required=False, empty_label="–"
    )
    provider = forms.CharField(
        label=_("Provider"), required=False, max_length=100, help_text=_("As the events have it.")
    )
    upstream = forms.ModelChoiceField(
        Upstream.objects.none(), label=_("Upstream"), required=False, empty_label="–"
    )
    unit = forms.ChoiceField(label=_("Counted in"), choices=Budget.Unit.choices)
    limit = forms.DecimalField(
        label=_("Limit"),
        max_digits=25,
        decimal_places=9,
        help_text=_("Dollars, or a whole number of tokens or requests."),
    )
    period = forms.ChoiceField(label=_("Period"), choices=Period.choices, initial=Period.MONTH)
    rolling = forms.IntegerField(
        label=_("How many"), required=False, help_text=_("Of the last hours or days; else empty.")
    )
    rolling_unit = forms.TypedChoiceField(
        label=_("Hours or days"), coerce=int, choices=((HOURS, _("hours")), (DAYS, _("days")))
    )
    warn_at = forms.CharField(
        label=_("Warn at, in % of the limit"),
        required=False,
        max_length=60,
        initial="50, 80",
        help_text=_("Numbers from 1 to 99, separated by commas; empty for none."),
    )
    removes_keys = forms.BooleanField(
        label=_("Withhold the client keys while the limit is reached"),
        required=False,
        help_text=_(
            "For budgets of a client key or user: the keys are removed upstream some seconds after"
            " the limit, and given back in the next period. Requests that are running continue."
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices: dict[str, Any] = {
            "client_key": ClientKey.objects.order_by("name", "pk"),
            "user": User.objects.order_by("username"),
            "upstream": Upstream.objects.order_by("name"),
        }
        for name, found in choices.items():
            self.fields[name].queryset = found  # type: ignore[attr-defined]

    def clean_warn_at(self) -> list[int]:
        """The levels, ascending."""
        parts = [part.strip() for part in self.cleaned_data["warn_at"].split(",") if part.strip()]
        if not all(part.isascii() and part.isdigit() and 1 <= int(part) <= 99 for part in parts):
            raise ValidationError(gettext("Expected numbers from 1 to 99, separated by commas."))
        if len(set(parts)) > MOST_LEVELS:
            raise ValidationError(gettext("These are too many levels."))
        return sorted({int(part) for part in parts})

    def clean(self) -> dict[str, Any]:
        """Refuse what is missing, contradicts itself, or cannot be counted."""
        data: dict[str, Any] = super().clean() or {}
        if scope := data.get("scope"):
            self._check_party(scope, data)
        if "limit" in data and data.get("unit"):
            self._check_limit(data)
        if period := data.get("period"):
            self._check_rolling(period, data)
        if data.get("removes_keys") and data.get("scope"):
            self._check_removal(data)
        return data

    def _check_party(self, scope: str, data: dict[str, Any]) -> None:
        for of, name in _PARTIES.items():
            if of == scope and not data.get(name) and name not in self.errors:
                self.add_error(name, gettext("This is needed."))
            elif of != scope and data.get(name):
                self.add_error(name, gettext("Leave it empty: the budget is of something else."))

    def _check_limit(self, data: dict[str, Any]) -> None:
        try:
            data["limit"] = amounts.stored(data["unit"], data["limit"])
        except ValueError:
            self.add_error("limit", _unfit_amount(data["unit"]))

    def _check_removal(self, data: dict[str, Any]) -> None:
        key: ClientKey | None = data.get("client_key")
        if data["scope"] not in (Scope.KEY, Scope.USER):
            text = gettext("Only a budget of a client key or user can withhold keys.")
            self.add_error("removes_keys", text)
        elif key and key.state in (ClientKey.State.SEEN, ClientKey.State.REVOKED):
            text = gettext("Tollgate does not manage this key: adopt it first, or only report.")
            self.add_error("removes_keys", text)

    def _check_rolling(self, period: str, data: dict[str, Any]) -> None:
        count = data.get("rolling")
        if period != Period.ROLLING:
            if count is not None:
                text = gettext("Leave it empty, or choose the last hours or days.")
                self.add_error("rolling", text)
            return
        if "rolling" not in self.errors and "rolling_unit" not in self.errors:
            hours = (count or 0) * data["rolling_unit"]
            if not 1 <= hours <= LONGEST_ROLLING_HOURS:
                self.add_error("rolling", gettext("Expected 1 hour to 366 days."))
            data["rolling_hours"] = hours

    def fill(self, budget: Budget) -> Budget:
        """The budget with what a valid form has, not stored."""
        data = self.cleaned_data
        names = ("name", "scope", "client_key", "user", "provider", "upstream", "unit")
        for name in (*names, "limit", "period", "warn_at", "removes_keys"):
            setattr(budget, name, data[name])
        budget.rolling_hours = data.get("rolling_hours")
        budget.changed_at = timezone.now()
        return budget


def shown_fields(budget: Budget) -> dict[str, Any]:
    """A budget as its form shows it."""
    hours = budget.rolling_hours
    in_days = hours is not None and hours % 24 == 0
    names = ("name", "scope", "client_key", "user", "provider", "upstream", "unit", "period")
    return {
        **{name: getattr(budget, name) for name in (*names, "removes_keys")},
        "limit": f"{amounts.entered(budget.unit, budget.limit):f}",
        "rolling": hours // 24 if hours and in_days else hours,
        "rolling_unit": DAYS if in_days else HOURS,
        "warn_at": ", ".join(str(level) for level in budget.warn_at),
    }


class ExceptionForm(forms.Form):
    """By how much the limit is raised on which day, and why."""

    day = forms.DateField(label=pgettext_lazy("date", "Day"), widget=DayInput())
    extra = forms.DecimalField(label=_("Raise the limit by"), max_digits=25, decimal_places=9)
    reason = forms.CharField(label=_("Why"), max_length=200)

    def __init__(self, *args: Any, unit: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._unit = unit
        self.fields["day"].initial = timezone.localdate().isoformat()

    def clean_day(self) -> Any:
        """Today or later."""
        day = self.cleaned_data["day"]
        if day < timezone.localdate():
            raise ValidationError(gettext("That day is over."))
        return day

    def clean_extra(self) -> int:
        """The amount in the budget's unit."""
        entered: Decimal = self.cleaned_data["extra"]
        try:
            return amounts.stored(self._unit, entered)
        except ValueError:
            raise ValidationError(_unfit_amount(self._unit)) from None


def _unfit_amount(unit: str) -> str:
    if unit == Budget.Unit.DOLLARS:
        return gettext("Expected an amount above $0 and up to $10 million.")
    return gettext("Expected a whole number above 0, not beyond 10 quadrillion.")
