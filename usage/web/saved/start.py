"""The view that a user begins with, instead of the Overview."""

from django.contrib import messages
from django.http import HttpRequest
from django.utils.translation import gettext as _

from monitoring.web.roles import user_of
from usage.history.dimensions import InvalidQuery
from usage.history.scope import Scope
from usage.models import SavedView
from usage.saved_views.queries import missing_from, start_view
from usage.web.saved.pages import accepted_query, address_of
from usage.web.saved.rows import missing_words


def start_address(request: HttpRequest) -> str:
    """Where the user begins; empty for the Overview, also where their view cannot be shown, which a
    message says."""
    view = start_view(user_of(request))
    if view is None:
        return ""
    if why := why_not_shown(view, Scope.of(request.user)):
        text = _("Your start page “%(name)s” cannot be shown: %(why)s.")
        messages.warning(request, text % {"name": view.name, "why": why})
        return ""
    return address_of(view.page, view.query)


def why_not_shown(view: SavedView, scope: Scope) -> str:
    """What is wrong with a view, in words; empty if nothing is."""
    try:
        accepted_query(view.page, view.query, scope)
    except InvalidQuery as wrong:
        return str(wrong)
    if missing := missing_words(missing_from([view], scope)[view.pk]):
        return _("%(filters)s no longer exists") % {"filters": ", ".join(missing)}
    return ""
