"""Addresses under /usage/currencies/."""

from django.urls import path

from usage.currencies import views

app_name = "currencies"
urlpatterns = [
    path("", views.currencies, name="list"),
    path("new/", views.new_rate, name="new"),
    path("choice/", views.choice, name="choice"),
]
