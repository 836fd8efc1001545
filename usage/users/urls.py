"""Addresses under /users/."""

from django.urls import path

from usage.users import views

app_name = "users"
urlpatterns = [
    path("", views.users, name="list"),
    path("invite/", views.invite, name="invite"),
    path("<int:user_id>/", views.user, name="user"),
    path("<int:user_id>/link/", views.link, name="link"),
    path("<int:user_id>/disable/", views.disable, name="disable"),
    path("<int:user_id>/enable/", views.enable, name="enable"),
    path("<int:user_id>/role/", views.role, name="role"),
    path("<int:user_id>/hand-over/", views.handover, name="hand-over"),
]
