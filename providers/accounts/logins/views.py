"""The pages of connecting an account: beginning, the steps, handing over the address,
cancelling."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_GET, require_POST

from management_proxy.client.errors import UpstreamError
from management_proxy.client.oauth import FLOWS
from monitoring.texts.recorded import in_language
from monitoring.web.formats import localized
from monitoring.web.regions import polled_page
from monitoring.web.roles import user_of
from providers.accounts.logins import actions
from providers.accounts.logins.background import watch
from providers.accounts.logins.polling import poll
from providers.errors import ChangeRefused
from providers.models import AccountLogin
from providers.web.pages import back_to, chosen_upstream


def session_key(request: HttpRequest) -> str:
    """The key of the session that a login is bound to."""
    return request.session.session_key or ""


def own_login(request: HttpRequest, login_id: int) -> AccountLogin:
    """The login of this user and this session; 404 for any other."""
    digest = actions.session_digest(session_key(request))
    login = (
        AccountLogin.objects.select_related("upstream")
        .filter(pk=login_id, user=user_of(request), session_digest=digest)
        .first()
    )
    if login is None:
        raise Http404(gettext("There is no such login, or another session began it."))
    return login


@require_POST
@never_cache
@login_required
def begin(request: HttpRequest) -> HttpResponse:
    """Start a login and lead to its page."""
    upstream = chosen_upstream(request)
    if upstream is None:
        raise Http404(gettext("There is no such upstream."))
    is_local = request.POST.get("browser") == "upstream"
    try:
        login = actions.begin(
            upstream,
            user_of(request),
            session_key(request),
            request.POST.get("flow", ""),
            browser_is_on_upstream=is_local,
        )
    except (ChangeRefused, UpstreamError) as error:
        messages.error(
            request,
            gettext("The login could not be started: %(error)s") % {"error": in_language(error)},
        )
        return back_to("accounts:list", upstream=upstream.name)
    transaction.on_commit(lambda: watch(login))
    return redirect("accounts:login", login.pk)


@require_GET
@never_cache
@login_required
def show(request: HttpRequest, login_id: int) -> HttpResponse:
    """The steps and its state; once it is over, the region is polled no more."""
    login = poll(own_login(request, login_id))
    context = {
        "login": login,
        "flow": FLOWS[login.flow],
        "poll_seconds": 2 if login.is_open else None,
    }
    return polled_page(request, "providers/login.html", context, partials=("region", "steps"))


@require_POST
@never_cache
@login_required
@sensitive_post_parameters("callback")
@sensitive_variables("pasted")
def deliver(request: HttpRequest, login_id: int) -> HttpResponse:
    """Hand over the address that the browser ended at."""
    login, pasted = own_login(request, login_id), request.POST.get("callback", "")
    try:
        actions.deliver(login, pasted)
    except ChangeRefused as refused:
        messages.error(request, refused.message)
    except UpstreamError as error:
        messages.error(
            request,
            gettext("Upstream unreachable: %(error)s. The login continues; send it again.")
            % {"error": in_language(error)},
        )
    return redirect("accounts:login", login_id)


@require_POST
@never_cache
@login_required
def cancel(request: HttpRequest, login_id: int) -> HttpResponse:
    """End it."""
    login = own_login(request, login_id)
    try:
        actions.cancel(login)
    except UpstreamError as error:
        messages.error(
            request,
            gettext("Upstream unreachable: %(error)s. The login ends by itself in %(minutes)s min.")
            % {"error": in_language(error), "minutes": localized(f"{login.seconds_left / 60:.0f}")},
        )
        return redirect("accounts:login", login_id)
    return (
        back_to("accounts:list", upstream=login.upstream.name)
        if not login.is_open and login.status != AccountLogin.Status.CONNECTED
        else redirect("accounts:login", login_id)
    )
