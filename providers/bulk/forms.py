"""Forms of acts on many accounts or keys."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from providers.accounts.actions import LONGEST_NOTE
from providers.keys.families import UNNAMED
from providers.models import BulkAct


class FilesInput(forms.ClearableFileInput):
    """A field for several files."""

    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Some files; at least one."""

    widget = FilesInput

    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        files = data if isinstance(data, list | tuple) else [data]
        return [super(FilesField, self).clean(file, initial) for file in files]


class ManyFilesForm(forms.Form):
    """Account files, or zips of them."""

    file = FilesField(allow_empty_file=True)
    replaces = forms.BooleanField(required=False)
    twins_accepted = forms.BooleanField(required=False)


class KeysForm(forms.Form):
    """Provider keys of one family, one a line."""

    family = forms.ChoiceField(choices=[(family.name, family.label) for family in UNNAMED])
    keys = forms.CharField(strip=False)
    base_url = forms.CharField(required=False, max_length=2000)


class ChoiceForm(forms.Form):
    """What to do with the chosen ones; `everything` is all that match the filters."""

    subject = forms.ChoiceField(choices=BulkAct.Subject.choices, required=False)
    verb = forms.ChoiceField(
        choices=[("", _("Choose…")), *BulkAct.Verb.choices[2:]], label=_("Action")
    )
    value = forms.CharField(required=False, max_length=LONGEST_NOTE, strip=True)
    everything = forms.BooleanField(required=False)
