"""Users in the admin: Django's own page, which keeps the last administrator too."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import UserChangeForm
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils.text import capfirst

from monitoring.web.roles import user_of
from usage.users.actions import LAST_ADMINISTRATOR, end_access, is_last_administrator
from usage.users.roles import Role

# Importing it registered Django's.
admin.site.unregister(User)


class UserForm(UserChangeForm):
    """Refuses what would leave no administrator who can sign in. Roles have the names that our
    pages give them: Django's German for a superuser is ours for staff."""

    class Meta(UserChangeForm.Meta):
        labels = {
            "is_staff": capfirst(Role.STAFF.label),
            "is_superuser": capfirst(Role.ADMINISTRATOR.label),
        }

    def clean(self) -> dict[str, Any] | None:
        data = super().clean()
        stays = self.cleaned_data.get("is_active") and self.cleaned_data.get("is_superuser")
        if not stays and is_last_administrator(self.instance.pk):
            raise forms.ValidationError(LAST_ADMINISTRATOR)
        return data


@admin.register(User)
class UserAdmin(DjangoUserAdmin):
    """As Django's; one who is disabled here loses sessions, tokens and links as on our page."""

    form = UserForm

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        allowed = super().has_delete_permission(request, obj)
        return allowed and not (obj and is_last_administrator(obj.pk))

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if change and not obj.is_active:
            end_access(obj, user_of(request))
