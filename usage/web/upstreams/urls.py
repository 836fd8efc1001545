"""Addresses under /monitoring/upstreams/."""

from django.urls import path

from usage.web.upstreams import views

app_name = "upstreams"
urlpatterns = [
    path("collect/", views.collect, name="collect"),
    path("<int:upstream_id>/statistics-on/", views.statistics_on, name="statistics-on"),
    path("<int:upstream_id>/let-in/", views.let_in, name="let-in"),
]
