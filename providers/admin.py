"""Client keys and credentials in the admin: names and owners may be changed, identities not."""

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from management_proxy.upstreams.admin_filter import UpstreamFilter
from monitoring.web.read_only_admin import ReadOnlyAdmin
from providers.models import ClientKey, Credential, Intent


@admin.register(ClientKey)
class ClientKeyAdmin(admin.ModelAdmin):
    """Naming an owner gives that user sight of all the key's usage, past and future."""

    list_display = ("display_name", "name", "owner", "upstream", "last_four", "first_seen_at")
    list_editable = ("name", "owner")
    list_filter = (("upstream", UpstreamFilter), "owner")
    search_fields = ("name", "last_four")
    fields = ("upstream", "last_four", "name", "owner", "first_seen_at")
    readonly_fields = ("upstream", "last_four", "first_seen_at")

    @admin.display(description=_("client key"))
    def display_name(self, key: ClientKey) -> str:
        return key.display_name

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ClientKey | None = None) -> bool:
        return False  # history stays


@admin.register(Credential)
class CredentialAdmin(admin.ModelAdmin):
    """What the upstream used, read only."""

    list_display = ("label", "provider", "auth_type", "auth_index", "upstream", "first_seen_at")
    list_filter = (("upstream", UpstreamFilter), "provider", "auth_type")
    search_fields = ("label", "auth_index")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Credential | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Credential | None = None) -> bool:
        return False


@admin.register(Intent)
class IntentAdmin(ReadOnlyAdmin):
    """Changes of the upstreams, read only; Providers, Changes is the better place."""

    list_display = (
        "id",
        "title",
        "state",
        "upstream",
        "actor_name",
        "attempts",
        "requested_at",
        "settled_at",
    )
    list_filter = ("state", ("upstream", UpstreamFilter), "kind")
    search_fields = ("title", "actor_name", "reason")
