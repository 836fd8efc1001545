"""The page to sign in on."""

from django.contrib.auth import views
from django.contrib.auth.forms import AuthenticationForm
from django.http import HttpResponse

from config.sign_in.forms import ThrottledForm


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
