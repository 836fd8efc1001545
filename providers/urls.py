"""Addresses under /providers/ of keys, changes and drift."""

from django.urls import path

from providers.client_keys import views as client_key_views
from providers.funnel import views as change_views
from providers.keys import views as provider_key_views

app_name = "providers"
urlpatterns = [
    path("keys/", provider_key_views.provider_keys, name="keys"),
    path("keys/new/<slug:family_name>/", provider_key_views.new_key, name="new-key"),
    path("keys/<slug:key_id>/", provider_key_views.provider_key, name="key"),
    path("keys/<slug:key_id>/switch/", provider_key_views.switch, name="switch-key"),
    path("keys/<slug:key_id>/remove/", provider_key_views.remove, name="remove-key"),
    path("keys/<slug:key_id>/try/", provider_key_views.trial, name="try-key"),
    path("client-keys/", client_key_views.client_keys, name="client-keys"),
    path("client-keys/<int:key_id>/", client_key_views.client_key, name="client-key"),
    path("client-keys/<int:key_id>/rotate/", client_key_views.rotate, name="rotate-client-key"),
    path("client-keys/<int:key_id>/revoke/", client_key_views.revoke, name="revoke-client-key"),
    path("changes/", change_views.changes, name="changes"),
    path("changes/settle/", change_views.settle, name="settle"),
    path("drift/", change_views.drift, name="drift"),
    path("drift/compare/", change_views.compare_now, name="compare"),
    path("drift/mend/", change_views.mend_one, name="mend"),
]
