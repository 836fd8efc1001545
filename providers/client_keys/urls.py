"""Addresses under /providers/client-keys/."""

from django.urls import path

from providers.client_keys import views

urlpatterns = [
    path("", views.client_keys, name="client-keys"),
    path("<int:key_id>/", views.client_key, name="client-key"),
    path("<int:key_id>/rotate/", views.rotate, name="rotate-client-key"),
    path("<int:key_id>/switch/", views.switch, name="switch-client-key"),
    path("<int:key_id>/revoke/", views.revoke, name="revoke-client-key"),
]
