"""Addresses under /api/ of this app."""

from django.urls import path

from providers import change_api, client_key_api, provider_key_api

app_name = "providers-api"
urlpatterns = [
    path("providers/keys", provider_key_api.collection, name="provider-keys"),
    path("providers/keys/<slug:key_id>", provider_key_api.one, name="provider-key"),
    path("providers/keys/<slug:key_id>/test", provider_key_api.trial, name="provider-key-test"),
    path("providers/changes", change_api.collection, name="changes"),
    path("providers/changes/<int:intent_id>", change_api.one, name="change"),
    path("client-keys", client_key_api.collection, name="client-keys"),
    path("client-keys/<int:key_id>", client_key_api.one, name="client-key"),
    path("client-keys/<int:key_id>/rotate", client_key_api.rotate, name="client-key-rotate"),
]
