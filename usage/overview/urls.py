"""The addresses of the Overview, which is the site's first page."""

from django.urls import path

from usage.overview import views

urlpatterns = [
    path("", views.home, name="home"),
    path("overview/", views.page, name="overview"),
    path("first-steps/skip/", views.skip_first_steps, name="skip-first-steps"),
]
