"""The Matrix page."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from monitoring.web.currency import shown
from usage.history.freshness import wants_fresh
from usage.history.result_cache import Result, cached
from usage.history.scope import Scope
from usage.reports.matrix import Matrix, matrix
from usage.web.filter_bar import query_pairs
from usage.web.links import Links
from usage.web.matrix.figures import Figures
from usage.web.matrix.forms import COLUMNS_SHOWN, MatrixForm
from usage.web.report_pages import report_page


@require_GET
@never_cache
@login_required
def page(request: HttpRequest) -> HttpResponse:
    """The page with its filter bar, or the polled region for htmx."""
    form = MatrixForm(request.GET, scope=Scope.of(request.user))
    return report_page(
        request,
        form,
        "usage/matrix/page.html",
        lambda: _read(request, form),
        lambda found: _figures(request, form, found),
        beside=lambda: shown().currency,
    )


def _read(request: HttpRequest, form: MatrixForm) -> Result[Matrix]:
    query = form.query()
    return cached(
        "matrix",
        query,
        query.scope,
        lambda: matrix(query, COLUMNS_SHOWN),
        fresh=wants_fresh(request),
    )


def _figures(request: HttpRequest, form: MatrixForm, found: Matrix) -> dict[str, object]:
    links = Links(query_pairs(request), form.window().zone)
    return Figures(form.query(), found, links).context()
