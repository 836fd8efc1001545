"""Addresses under /connect/."""

from django.urls import path

from usage.connect import views

app_name = "connect"
urlpatterns = [
    path("", views.connect, name="page"),
    path("try/", views.attempt, name="try"),
]
