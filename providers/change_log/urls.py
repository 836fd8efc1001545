"""Addresses under /providers/changes/."""

from django.urls import path

from providers.change_log import views

urlpatterns = [
    path("", views.changes, name="changes"),
    path("settle/", views.settle, name="settle"),
]
