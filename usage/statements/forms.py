"""What may be requested of statements."""

from datetime import date
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext

from usage.forms.windows import EARLIEST_DAY


class MonthForm(forms.Form):
    """The month of a new statement."""

    month = forms.CharField(widget=forms.TextInput(attrs={"type": "month"}), max_length=7)

    def clean_month(self) -> date:
        """Its first day."""
        text: Any = self.cleaned_data["month"]
        try:
            month = date.fromisoformat(f"{text}-01")
        except ValueError:
            raise ValidationError(gettext("Expected a month as YYYY-MM.")) from None
        if not EARLIEST_DAY <= month <= timezone.localdate():
            raise ValidationError(gettext("Expected a month that has begun."))
        return month
