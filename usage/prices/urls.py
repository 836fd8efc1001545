"""Addresses under /usage/prices/."""

from django.urls import path

from usage.prices import recomputation_views, views

app_name = "prices"
urlpatterns = [
    path("", views.prices, name="list"),
    path("new/", views.new_price, name="new"),
    path("<int:price_id>/end/", views.end, name="end"),
    path("<int:price_id>/withdraw/", views.withdraw, name="withdraw"),
    path("update/", views.update, name="update"),
    path("recomputations/", recomputation_views.recomputations, name="recomputations"),
    path(
        "recomputations/<int:recomputation_id>/",
        recomputation_views.recomputation,
        name="recomputation",
    ),
    path(
        "recomputations/<int:recomputation_id>/approve/",
        recomputation_views.approval,
        name="approve",
    ),
    path(
        "recomputations/<int:recomputation_id>/cancel/",
        recomputation_views.cancellation,
        name="cancel",
    ),
]
