"""Addresses under /providers/keys/."""

from django.urls import path

from providers.keys import views

urlpatterns = [
    path("", views.provider_keys, name="keys"),
    path("new/<slug:family_name>/", views.new_key, name="new-key"),
    path("<slug:key_id>/", views.provider_key, name="key"),
    path("<slug:key_id>/switch/", views.switch, name="switch-key"),
    path("<slug:key_id>/remove/", views.remove, name="remove-key"),
    path("<slug:key_id>/try/", views.trial, name="try-key"),
]
