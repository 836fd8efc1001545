"""Addresses under /usage/budgets/."""

from django.urls import path

from usage.budgets import views

app_name = "budgets"
urlpatterns = [
    path("", views.budgets, name="list"),
    path("new/", views.new, name="new"),
    path("<int:budget_id>/", views.edit, name="budget"),
    path("<int:budget_id>/delete/", views.remove, name="delete"),
    path("<int:budget_id>/exceptions/", views.new_exception, name="except"),
    path("exceptions/<int:exception_id>/withdraw/", views.withdraw, name="withdraw"),
    path("keys/<int:key_id>/give-back/", views.give_back, name="give-back"),
]
