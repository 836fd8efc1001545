"""The pages to sign in on, and to set a password by a link."""

from django.contrib.auth import login, views
from django.contrib.auth.forms import AuthenticationForm, SetPasswordForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from config.sign_in.forms import ThrottledForm
from config.sign_in.links import LinkRefused, redeem, user_of_link
from config.sign_in.sessions import BACKEND
from config.sign_in.throttle import forget_attempts
from monitoring.request_context import current_request


class LoginView(views.LoginView):
    """Django's; who has to wait sees it by the status as well."""

    form_class = ThrottledForm
    template_name = "login.html"
    redirect_authenticated_user = True

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        response = super().form_invalid(form)
        if isinstance(form, ThrottledForm) and form.wait_seconds:
            response.status_code = 429
            response.headers["Retry-After"] = str(form.wait_seconds)
        return response


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@sensitive_post_parameters()
@sensitive_variables("secret")
def set_password(request: HttpRequest, secret: str) -> HttpResponse:
    """Set the password of the user that a link belongs to, and sign in; opening it uses nothing
    up."""
    try:
        user = user_of_link(secret)
        form = SetPasswordForm(user, request.POST if request.method == "POST" else None)
        if form.is_bound and form.is_valid():
            user = redeem(secret, form.cleaned_data["new_password1"])
            forget_attempts(user.get_username(), current_request().source_ip)
            login(request, user, BACKEND)
            return redirect("home")
    except LinkRefused:
        return render(request, "set_password.html", {"form": None}, status=404)
    context = {"form": form, "name": user.get_username(), "is_new": not user.has_usable_password()}
    return render(request, "set_password.html", context, status=400 if form.is_bound else 200)
