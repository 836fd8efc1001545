"""The page of the policies, for staff: the table of what the proxy lets through."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from management_proxy.proxy.policy_listing import row_of
from management_proxy.proxy.rules.policy_table import NEVER, POLICIES
from monitoring.web.roles import staff_only


@require_GET
@never_cache
@staff_only
def policies(request: HttpRequest) -> HttpResponse:
    """Every row of the table in words; `q` keeps those that hold all of its words."""
    query = request.GET.get("q", "")[:200]
    wanted = query.casefold().split()
    rows = [row for row in map(row_of, POLICIES) if all(word in row.text for word in wanted)]
    never = [
        (route, gettext(why))
        for route, why in NEVER.items()
        if all(word in f"{route} {gettext(why)} never passes".casefold() for word in wanted)
    ]
    context = {"rows": rows, "never": never, "query": query, "row_count": len(POLICIES)}
    return render(request, "management_proxy/policies.html", context)
