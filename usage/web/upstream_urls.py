"""Addresses under /monitoring/upstreams/."""

from django.urls import path

from usage.web import upstream_views

app_name = "upstreams"
urlpatterns = [
    path("<int:upstream_id>/statistics-on/", upstream_views.statistics_on, name="statistics-on"),
    path("<int:upstream_id>/let-in/", upstream_views.let_in, name="let-in"),
]
