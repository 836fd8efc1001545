"""Addresses under /usage/statements/."""

from django.urls import path

from usage.statements import views

app_name = "statements"
urlpatterns = [
    path("", views.statements, name="list"),
    path("<int:statement_id>/", views.statement, name="statement"),
    path("<int:statement_id>/csv/", views.table, name="csv"),
]
