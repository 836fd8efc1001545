"""Filters of the audit trail."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Cast
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from monitoring.models import AuditEntry
from monitoring.web.inputs import DayInput


class TrailForm(forms.Form):
    """Filters of the page and of the export; every one is optional."""

    q = forms.CharField(
        required=False,
        max_length=200,
        label=_("Text"),
        widget=forms.TextInput(
            attrs={"placeholder": _("target, address, request id, detail"), "size": 26}
        ),
    )
    actor = forms.CharField(
        required=False,
        max_length=150,
        label=_("Who"),
        widget=forms.TextInput(attrs={"list": "actors", "size": 12, "placeholder": _("who")}),
    )
    action = forms.CharField(
        required=False,
        max_length=80,
        label=_("Action"),
        widget=forms.TextInput(attrs={"list": "actions", "size": 18, "placeholder": _("action")}),
    )
    upstream = forms.CharField(
        required=False,
        max_length=60,
        label=_("Upstream"),
        widget=forms.TextInput(
            attrs={"list": "upstreams", "size": 10, "placeholder": _("upstream")}
        ),
    )
    outcome = forms.ChoiceField(
        required=False, choices=[("", _("any outcome")), *AuditEntry.Outcome.choices]
    )
    first = forms.DateField(required=False, label=_("First day"), widget=DayInput())
    last = forms.DateField(required=False, label=_("Last day"), widget=DayInput())
    before = forms.IntegerField(
        required=False, min_value=1, max_value=2**63 - 1, widget=forms.HiddenInput()
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("first") and cleaned.get("last") and cleaned["first"] > cleaned["last"]:
            self.add_error(
                "first",
                gettext("expected a day not after %(last)s, got %(first)s")
                % {"last": cleaned["last"], "first": cleaned["first"]},
            )
        return cleaned

    def entries(self) -> QuerySet[AuditEntry]:
        """The entries that a valid form requests, newest first; an action ending in a dot means all
        that begin so."""
        wanted = self.cleaned_data
        found = AuditEntry.objects.order_by("-id")
        for name in ("actor", "upstream", "outcome"):
            if wanted[name]:
                found = found.filter(**{name: wanted[name]})
        if action := wanted["action"]:
            found = (
                found.filter(action__startswith=action)
                if action.endswith(".")
                else found.filter(action=action)
            )
        if wanted["first"]:
            found = found.filter(at__gte=_midnight(wanted["first"]))
        if wanted["last"]:
            found = found.filter(at__lt=_midnight(wanted["last"] + timedelta(days=1)))
        return _containing(found, wanted["q"]) if wanted["q"] else found


def _midnight(day: Any) -> datetime:
    return timezone.make_aware(datetime.combine(day, datetime.min.time()))


def _containing(entries: QuerySet[AuditEntry], text: str) -> QuerySet[AuditEntry]:
    names = ("target", "actor", "action", "source_ip", "request_id", "detail_text")
    matches = Q()
    for name in names:
        matches |= Q(**{f"{name}__icontains": text})
    return entries.annotate(detail_text=Cast("detail", TextField())).filter(matches)
