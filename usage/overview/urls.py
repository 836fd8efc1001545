"""The address of the Overview, which is the site's first."""

from django.urls import path

from usage.overview import views

urlpatterns = [path("", views.page, name="home")]
