"""The page on which people make and revoke their personal tokens."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from management_proxy.models import PersonalToken
from management_proxy.tokens.actions import TokenNotMade, create_token, revoke_token
from management_proxy.tokens.forms import TokenForm
from monitoring.web.roles import user_of


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
@sensitive_post_parameters()
def tokens(request: HttpRequest) -> HttpResponse:
    """The user's own tokens; a new one's secret is part of the response that made it and of no
    other."""
    form = TokenForm(request.POST if request.method == "POST" else None)
    shown: dict[str, Any] = {}
    if form.is_bound and form.is_valid():
        try:
            token, secret = create_token(
                user_of(request),
                form.cleaned_data["name"],
                form.cleaned_data["scope"],
                upstreams=form.chosen_upstreams(),
                expires_at=form.expires_at(),
            )
            shown, form = {"made": token, "secret": secret}, TokenForm()
        except TokenNotMade as error:
            form.add_error("name", str(error))
    own = PersonalToken.objects.filter(user=user_of(request)).prefetch_related("upstreams")
    status = 400 if form.is_bound else 201 if shown else 200
    return render(
        request,
        "management_proxy/tokens.html",
        {"form": form, "tokens": own, **shown},
        status=status,
    )


@require_POST
@login_required
def revoke(request: HttpRequest, token_id: int) -> HttpResponse:
    """Revoke one of the user's own tokens; staff may revoke those of all users."""
    reachable = PersonalToken.objects.all()
    if not request.user.is_staff:
        reachable = reachable.filter(user=user_of(request))
    token = get_object_or_404(reachable.select_related("user"), pk=token_id)
    if revoke_token(token, user_of(request)):
        messages.success(
            request,
            gettext("%(name)s was revoked; it is refused from now on.") % {"name": token.name},
        )
    return redirect("proxy-pages:tokens")
