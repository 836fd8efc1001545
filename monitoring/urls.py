"""Addresses under /monitoring/."""

from django.urls import path

from monitoring.alerts.web import channel_views, rule_views
from monitoring.alerts.web import views as alert_views
from monitoring.audit import views as audit_views
from monitoring.web import documents, views

app_name = "monitoring"
urlpatterns = [
    path("", views.page, name="page"),
    path("doctor/", views.doctor, name="doctor"),
    path("runbook/", documents.page, name="runbook"),
    path("documents/<slug:name>/", documents.page, name="document"),
    path("alerts/", alert_views.alerts, name="alerts"),
    path("alerts/bell/", alert_views.bell, name="alert-bell"),
    path("alerts/history/", alert_views.history, name="alert-history"),
    path("alerts/<int:alert_id>/acknowledge/", alert_views.acknowledge, name="alert-acknowledge"),
    path("alerts/<int:alert_id>/silence/", alert_views.silence_alert, name="alert-silence"),
    path("alerts/rules/new/", rule_views.new_rule, name="alert-rule-new"),
    path("alerts/rules/<int:rule_id>/", rule_views.rule, name="alert-rule"),
    path("alerts/rules/<int:rule_id>/switch/", rule_views.switch_rule, name="alert-rule-switch"),
    path(
        "alerts/rules/<int:rule_id>/silence/", alert_views.silence_rule, name="alert-rule-silence"
    ),
    path("alerts/rules/<int:rule_id>/delete/", rule_views.delete_rule, name="alert-rule-delete"),
    path("alerts/channels/new/", channel_views.new_channel, name="alert-channel-new"),
    path("alerts/channels/<int:channel_id>/", channel_views.channel, name="alert-channel"),
    path(
        "alerts/channels/<int:channel_id>/test/",
        channel_views.test_channel,
        name="alert-channel-test",
    ),
    path(
        "alerts/channels/<int:channel_id>/delete/",
        channel_views.delete_channel,
        name="alert-channel-delete",
    ),
    path("audit/", audit_views.trail, name="audit"),
    path("audit/<int:entry_id>/", audit_views.entry, name="audit-entry"),
    *(
        path(f"audit/export.{name}", audit_views.export, {"form_name": name}, name=f"audit-{name}")
        for name in audit_views.EXPORTS
    ),
]
