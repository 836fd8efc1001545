"""Addresses under /providers/drift/."""

from django.urls import path

from providers.drift import views

urlpatterns = [
    path("", views.drift, name="drift"),
    path("compare/", views.compare_now, name="compare"),
    path("mend/", views.fix_one, name="fix"),
]
