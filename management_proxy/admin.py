"""Upstreams in the admin: add, pause, resume, restore access, remove; and the personal tokens of
all users, to revoke."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from management_proxy.client.responses import release_of
from management_proxy.client.subscription import FIRST_WITH_PUSH
from management_proxy.models import CollectionMode, PersonalToken, Upstream
from management_proxy.proxy.limits import shared_breaker
from management_proxy.tokens.actions import revoke_token
from management_proxy.upstreams.access import allow_access
from management_proxy.upstreams.removal import reasons_against, remove
from monitoring.audit import trail
from monitoring.web.read_only_admin import ReadOnlyAdmin
from monitoring.web.roles import user_of


class UpstreamForm(forms.ModelForm):
    """The management key can be set, never read."""

    management_key = forms.CharField(
        required=False,
        widget=forms.PasswordInput(render_value=False),
        help_text=_("Stored encrypted; leave empty to keep the present one."),
    )

    class Meta:
        model = Upstream
        fields = ("name", "management_url", "public_url", "is_enabled", "collection_mode")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["collection_mode"].required = False  # a missing value keeps it
        if self.instance.from_environment:
            # Neither shown nor taken from a request that contains one.
            del self.fields["management_key"]

    def clean_management_key(self) -> str:
        key: str = self.cleaned_data["management_key"].strip()
        if not key and not self.instance.key_encrypted and not self.instance.from_environment:
            raise forms.ValidationError(
                gettext("A key is required: a request without one counts towards a ban.")
            )
        if not key and self.instance.key_encrypted and "management_url" in self.changed_data:
            raise forms.ValidationError(
                gettext(
                    "Enter the key again for another address: the stored one is not sent to a new"
                    " place."
                )
            )
        return key

    def clean_collection_mode(self) -> str:
        mode: str = self.cleaned_data["collection_mode"] or self.instance.collection_mode
        version = release_of(self.instance.version)
        if mode == CollectionMode.PUSH and version and version < FIRST_WITH_PUSH:
            raise forms.ValidationError(
                gettext("This upstream is CLIProxyAPI %(version)s; push needs 7.0.7 or newer.")
                % {"version": self.instance.version}
            )
        return mode

    def save(self, commit: bool = True) -> Upstream:
        if key := self.cleaned_data.get("management_key"):
            self.instance.store_key(key)
        upstream: Upstream = super().save(commit)
        return upstream


@admin.register(Upstream)
class UpstreamAdmin(admin.ModelAdmin):
    """The environment's own upstream is configured there; its URL and key cannot be changed
    here."""

    form = UpstreamForm
    change_form_template = "management_proxy/change_upstream.html"
    list_display = (
        "name",
        "management_url",
        "is_enabled",
        "collection_mode",
        "access",
        "version",
        "statistics_enabled",
        "retention_seconds",
        "from_environment",
    )
    list_filter = ("is_enabled", "access")
    actions = ("pause", "resume", "let_callers_in", "remove")

    def get_fields(self, request: HttpRequest, obj: Upstream | None = None) -> Any:
        shown = ["name", "management_url", "public_url", "is_enabled", "collection_mode"]
        return shown if obj and obj.from_environment else [*shown, "management_key"]

    def get_readonly_fields(
        self, request: HttpRequest, obj: Upstream | None = None
    ) -> tuple[str, ...]:
        return ("management_url",) if obj and obj.from_environment else ()

    def get_form(
        self, request: HttpRequest, obj: Upstream | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        # The key is a field of the form alone, which the admin would look for on the model.
        kwargs["fields"] = [
            name for name in self.get_fields(request, obj) if name != "management_key"
        ]
        return super().get_form(request, obj, change, **kwargs)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Without "Delete": what there is, is called "Remove"."""
        return super().change_view(
            request, object_id, form_url, {**(extra_context or {}), "show_delete": False}
        )

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Confirm, then remove; the row stays for the sake of its history."""
        upstream = self.get_object(request, object_id)
        if upstream is None:
            raise Http404
        if not self.has_delete_permission(request, upstream):
            raise PermissionDenied
        if request.method == "POST":
            return self._remove(request, upstream)
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Remove %(name)s?") % {"name": upstream.name},
            "upstream": upstream,
            "opts": self.opts,
        }
        return TemplateResponse(
            request,
            "management_proxy/remove_upstream.html",
            {**context, "reasons": reasons_against(upstream)},
        )

    def _remove(self, request: HttpRequest, upstream: Upstream) -> HttpResponse:
        name = upstream.name
        if reasons := remove(upstream, user_of(request)):
            self.message_user(
                request,
                gettext("The upstream %(name)s was not removed: %(reasons)s")
                % {"name": name, "reasons": " ".join(reasons)},
                messages.ERROR,
            )
            return redirect("admin:management_proxy_upstream_delete", upstream.pk)
        self.message_user(
            request,
            gettext(
                "The upstream %(name)s was removed. Its usage stays, under the name “%(new_name)s”."
            )
            % {"name": name, "new_name": upstream.name},
            messages.SUCCESS,
        )
        return redirect("admin:management_proxy_upstream_changelist")

    @admin.action(description=_("Remove…"), permissions=["delete"])
    def remove(self, request: HttpRequest, upstreams: QuerySet[Upstream]) -> HttpResponse | None:
        if len(upstreams) == 1:
            return redirect("admin:management_proxy_upstream_delete", upstreams[0].pk)
        self.message_user(
            request, gettext("Upstreams are removed one at a time: choose one."), messages.WARNING
        )
        return None

    @admin.action(description=_("Pause collection"), permissions=["change"])
    def pause(self, request: HttpRequest, upstreams: QuerySet[Upstream]) -> None:
        self._record(request, "upstream.paused", upstreams)
        self.message_user(
            request, gettext("%(count)s paused.") % {"count": upstreams.update(is_enabled=False)}
        )

    @admin.action(description=_("Resume collection"), permissions=["change"])
    def resume(self, request: HttpRequest, upstreams: QuerySet[Upstream]) -> None:
        self._record(request, "upstream.resumed", upstreams)
        self.message_user(
            request, gettext("%(count)s resumed.") % {"count": upstreams.update(is_enabled=True)}
        )

    @admin.action(description=_("Restore access (the key is fixed)"), permissions=["change"])
    def let_callers_in(self, request: HttpRequest, upstreams: QuerySet[Upstream]) -> None:
        self._record(request, "upstream.callers_let_in", upstreams)
        for upstream in upstreams:
            allow_access(upstream)
            shared_breaker.reset(upstream)
        self.message_user(request, gettext("Callers may try again."), messages.SUCCESS)

    def _record(self, request: HttpRequest, action: str, upstreams: QuerySet[Upstream]) -> None:
        for upstream in upstreams:
            detail = {"access": upstream.access, "was_enabled": upstream.is_enabled}
            trail.record(
                user_of(request),
                action,
                upstream.management_url,
                upstream=upstream.name,
                outcome=trail.Outcome.SUCCEEDED,
                detail=detail,
            )


_STATES = {"live": _("active"), "expired": _("expired"), "revoked": _("revoked")}


@admin.register(PersonalToken)
class PersonalTokenAdmin(ReadOnlyAdmin):
    """The tokens of all users, to view and to revoke."""

    list_display = (
        "name",
        "user",
        "prefix",
        "scope",
        "any_upstream",
        "state",
        "created_at",
        "expires_at",
        "last_used_at",
        "last_used_ip",
    )
    list_filter = ("scope",)
    list_select_related = ("user",)
    search_fields = ("name", "prefix", "user__username")
    actions = ("revoke",)

    @admin.display(description=_("state"))
    def state(self, token: PersonalToken) -> str:
        return str(_STATES[token.state])

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_staff)

    @admin.action(description=_("Revoke"), permissions=["revoke"])
    def revoke(self, request: HttpRequest, tokens: QuerySet[PersonalToken]) -> None:
        count = sum(revoke_token(token, user_of(request)) for token in tokens)
        self.message_user(
            request, gettext("%(count)s revoked.") % {"count": count}, messages.SUCCESS
        )
