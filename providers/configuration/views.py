"""The configuration's pages, for staff: settings as a form, the file with its secrets hidden, its
versions."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from management_proxy.client.errors import UpstreamError
from management_proxy.models import Upstream
from monitoring.texts.recorded import in_language
from monitoring.web.roles import staff_only, user_of
from providers.configuration import actions
from providers.configuration.forms import EditorForm, SettingsForm
from providers.errors import ChangeRefused
from providers.models import ConfigurationVersion
from providers.web.pages import back_to, chosen_upstream, report, upstreams
from providers.web.patience import patience, status_without

VERSIONS_SHOWN = 50


def _context(request: HttpRequest, tab: str, **more: Any) -> dict[str, Any]:
    return {
        "upstreams": upstreams(),
        "upstream": chosen_upstream(request),
        "tab": tab,
        "trouble": "",
        **more,
    }


def _required_upstream(request: HttpRequest) -> Upstream:
    upstream = chosen_upstream(request)
    if upstream is None:
        raise Http404(gettext("There is no such upstream."))
    return upstream


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@staff_only
def settings_page(request: HttpRequest) -> HttpResponse:
    """What people change, as a form; only what was changed is sent, each by its own way."""
    context = _context(request, "settings", form=None)
    upstream = context["upstream"]
    if upstream is None:
        return render(request, "providers/configuration/settings.html", context)
    try:
        with patience(request, upstream):
            present = actions.present_values(upstream)
    except UpstreamError as error:
        return render(
            request,
            "providers/configuration/settings.html",
            {**context, "trouble": str(error)},
            status=status_without(request),
        )
    form = SettingsForm(request.POST if request.method == "POST" else None, present=present)
    if form.is_bound and form.is_valid():
        _change(request, upstream, form)
        return back_to("configuration:settings", upstream=upstream.name)
    return render(
        request,
        "providers/configuration/settings.html",
        {**context, "form": form},
        status=400 if form.is_bound else 200,
    )


def _change(request: HttpRequest, upstream: Upstream, form: SettingsForm) -> None:
    changes = form.changes()
    if not changes:
        messages.success(request, gettext("Nothing to change."))
        return
    try:
        for intent in actions.change_settings(upstream, user_of(request), changes, form.opened()):
            report(
                request,
                intent,
                gettext("%(change)s: done.") % {"change": in_language(intent.title)},
            )
    except ChangeRefused as refused:
        messages.error(
            request, f"{refused.field}: {refused.message}" if refused.field else refused.message
        )


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@staff_only
@sensitive_post_parameters("text")
@sensitive_variables("text", "edited")
def editor(request: HttpRequest) -> HttpResponse:
    """The file as text: edit, review the difference, save if it still is what was opened."""
    context = _context(request, "editor", diff=None, text_error="", reason="")
    upstream = context["upstream"]
    if upstream is None:
        return render(request, "providers/configuration/editor.html", context)
    if request.method == "POST":
        return _edited(request, upstream, context)
    try:
        with patience(request, upstream):
            opened = actions.opened_version(upstream)
        shown = {"opened": opened, "text": actions.hidden_text(opened.text)}
    except (UpstreamError, ChangeRefused) as error:
        return render(
            request,
            "providers/configuration/editor.html",
            {**context, "trouble": str(error), "opened": None},
            status=status_without(request),
        )
    return render(request, "providers/configuration/editor.html", {**context, **shown})


def _edited(request: HttpRequest, upstream: Upstream, context: dict[str, Any]) -> HttpResponse:
    form = EditorForm(request.POST)
    if not form.is_valid():
        raise Http404(gettext("The form is incomplete."))
    opened = _version(upstream, form.cleaned_data["opened"])
    edited, reason = form.cleaned_data["text"], form.cleaned_data["reason"]
    again = {**context, "opened": opened, "text": edited, "reason": reason}
    try:
        text = actions.edited_text(opened, edited)
        again["diff"] = actions.compared(opened.text, text)
        if request.POST.get("step") == "save":
            intent = actions.save(upstream, user_of(request), opened, text, reason)
            if report(request, intent, gettext("The configuration is saved.")):
                return back_to("configuration:editor", upstream=upstream.name)
            again["text_error"] = intent.error
            again["is_moved"] = intent.error_code == "CONFLICT"
    except (ChangeRefused, UpstreamError) as error:
        again["text_error"] = str(error)
    return render(
        request,
        "providers/configuration/editor.html",
        again,
        status=400 if again["text_error"] else 200,
    )


def _version(upstream: Upstream, version_id: int) -> ConfigurationVersion:
    try:
        return actions.find_version(upstream, version_id)
    except ChangeRefused as refused:
        raise Http404(refused.message) from refused


@require_GET
@never_cache
@staff_only
def versions(request: HttpRequest) -> HttpResponse:
    """What it was before, newest first."""
    context = _context(request, "versions", versions=[], present=None)
    if upstream := context["upstream"]:
        try:
            with patience(request, upstream):
                context["present"] = actions.opened_version(upstream)
        except (UpstreamError, ChangeRefused) as error:
            context["trouble"] = str(error)
        kept = ConfigurationVersion.objects.filter(upstream=upstream).defer("text_encrypted")
        context |= {"versions": kept[:VERSIONS_SHOWN], "version_count": kept.count()}
    return render(request, "providers/configuration/versions.html", context)


@require_GET
@never_cache
@staff_only
def compare(request: HttpRequest, version_id: int) -> HttpResponse:
    """What rolling back to a version would change."""
    upstream = _required_upstream(request)
    version = _version(upstream, version_id)
    context = _context(request, "versions", version=version, present=None, diff=[])
    try:
        context["present"] = actions.opened_version(upstream)
        context["diff"] = actions.compared(context["present"].text, version.text)
    except ChangeRefused as error:
        context["trouble"] = str(error)
    return render(request, "providers/configuration/compare.html", context)


@require_POST
@never_cache
@staff_only
def roll_back(request: HttpRequest, version_id: int) -> HttpResponse:
    """Bring it back, if the file still is what the comparison showed."""
    upstream = _required_upstream(request)
    opened = request.POST.get("opened", "")
    try:
        present = actions.find_version(upstream, opened)
        intent = actions.roll_back(
            upstream, user_of(request), present, actions.find_version(upstream, version_id)
        )
        report(
            request,
            intent,
            gettext("Version #%(number)s is back.") % {"number": version_id},
        )
    except (ChangeRefused, UpstreamError) as error:
        messages.error(
            request, gettext("Nothing was changed: %(error)s") % {"error": in_language(error)}
        )
    return back_to("configuration:versions", upstream=upstream.name)
