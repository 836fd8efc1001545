"""Addresses under /monitoring/."""

from django.urls import path

from monitoring.audit import views as audit_views
from monitoring.web import views

app_name = "monitoring"
urlpatterns = [
    path("", views.page, name="page"),
    path("doctor/", views.doctor, name="doctor"),
    path("audit/", audit_views.trail, name="audit"),
    path("audit/<int:entry_id>/", audit_views.entry, name="audit-entry"),
    *(
        path(f"audit/export.{name}", audit_views.export, {"form_name": name}, name=f"audit-{name}")
        for name in audit_views.EXPORTS
    ),
]
