"""Creating, editing, trying and switching rules."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from monitoring.alerts import actions
from monitoring.alerts.default_rules import shown_name
from monitoring.alerts.messages import condition, runbook
from monitoring.alerts.signals import Signal, UnknownSignal, signal_named, signals
from monitoring.alerts.trial import try_rule
from monitoring.alerts.web.forms import RuleForm
from monitoring.models import AlertRule
from monitoring.web.roles import staff_only, user_of


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@staff_only
def new_rule(request: HttpRequest) -> HttpResponse:
    """Choose a signal, then enter the rule."""
    name = request.GET.get("signal", "")
    if not name:
        return render(request, "monitoring/alerts/signals.html", {"signals": signals()})
    return _edit(request, AlertRule(signal=name), _signal(name))


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@staff_only
def rule(request: HttpRequest, rule_id: int) -> HttpResponse:
    """Show and change a rule, or try it."""
    shown = get_object_or_404(AlertRule, pk=rule_id)
    return _edit(request, shown, _signal(shown.signal))


def _signal(name: str) -> Signal:
    try:
        return signal_named(name)
    except UnknownSignal as error:
        raise Http404(str(error)) from error


def _edit(request: HttpRequest, shown: AlertRule, signal: Signal) -> HttpResponse:
    form = RuleForm(request.POST or None, instance=shown, signal=signal)
    name = shown_name(shown.code, shown.name)
    context = {
        "form": form,
        "rule": shown,
        "name": name,
        "signal": signal,
        "runbook": runbook(shown),
    }
    if request.method != "POST":
        return render(request, "monitoring/alerts/rule.html", context)
    if not form.is_valid():
        return render(request, "monitoring/alerts/rule.html", context, status=400)
    wanted = form.rule()
    if "try" in request.POST:
        context |= {"trial": try_rule(wanted), "condition": condition(wanted)}
        return render(request, "monitoring/alerts/rule.html", context)
    actions.save_rule(wanted, list(form.cleaned_data["channels"]), user_of(request))
    saved = {"name": shown_name(wanted.code, wanted.name)}
    messages.success(request, gettext("“%(name)s” was saved.") % saved)
    return redirect("monitoring:alerts")


@require_POST
@staff_only
def switch_rule(request: HttpRequest, rule_id: int) -> HttpResponse:
    """Enable or disable a rule."""
    shown = get_object_or_404(AlertRule, pk=rule_id)
    actions.switch_rule(shown, user_of(request), on=request.POST.get("on") == "1")
    return redirect("monitoring:alerts")


@require_POST
@staff_only
def delete_rule(request: HttpRequest, rule_id: int) -> HttpResponse:
    """Delete a rule that was created here."""
    shown = get_object_or_404(AlertRule, pk=rule_id)
    if shown.code:
        messages.error(request, gettext("A rule that Tollgate ships can only be disabled."))
    else:
        actions.delete_rule(shown, user_of(request))
        messages.success(request, gettext("“%(name)s” was deleted.") % {"name": shown.name})
    return redirect("monitoring:alerts")
