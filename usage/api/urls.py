"""JSON addresses under /api/usage/."""

from django.urls import path

from usage.api import collect, events, history, reports
from usage.api.money import budgets, currencies, own_prices, statements, what_if

app_name = "usage-api"
urlpatterns = [
    path("budgets", budgets.budgets, name="budgets"),
    path("collect", collect.collect, name="collect"),
    path("collection-status", collect.collection_status, name="collection-status"),
    path("history", history.history, name="history"),
    path("summary", history.summary, name="summary"),
    path("series", history.series, name="series"),
    path("breakdown", history.breakdown, name="breakdown"),
    path("matrix", reports.matrix, name="matrix"),
    path("comparison", reports.comparison, name="comparison"),
    path("what-if", what_if.what_if_at, name="what-if"),
    path("currency-rates", currencies.rates, name="currency-rates"),
    path("own-prices", own_prices.own_prices, name="own-prices"),
    path("own-prices/<int:price_id>", own_prices.own_price, name="own-price"),
    path("statements", statements.statements, name="statements"),
    path("statements/<int:statement_id>", statements.statement, name="statement"),
    path("failures", history.failures, name="failures"),
    path("events", events.events, name="events"),
    path("events/<int:event_id>", events.event, name="event"),
    path("export", events.export, name="export"),
]
