"""`manage.py` with an ingest that finds no prices and stores no costs, neither of events nor in
rollups: what pricing is compared with."""

import importlib
import os
import sys

import django


def leave_prices_out() -> None:
    """Until this process ends. The rows that it stores have no cost."""
    from usage.costs import rates
    from usage.ingest import store
    from usage.ingest.pricing import Pricing
    from usage.rollups import tables

    rates.cost_columns_sql = lambda event, version: {"input_cost": "NULL::bigint"}
    rates.VERSIONS_SQL = "(SELECT 0 AS version_id WHERE false)"
    tables._NULLABLE = tables.TOKEN_SUMS  # type: ignore[assignment]
    for name in ("priced", "failed_cost"):
        del tables._COUNTS[name]
    tables.MEASURES = (
        *tables._NULLABLE,
        *tables._COUNTS,
        *tables._MAXIMA,
        *tables._HISTOGRAMS,
    )
    tables.costs_of_event = lambda event, series: {"no_cost": "NULL::integer"}
    Pricing.versions = lambda self, attempts, belongings: [None] * len(attempts)  # type: ignore[method-assign]
    # Its statements are made when it is imported.
    importlib.reload(store)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    leave_prices_out()
    from django.core.management import execute_from_command_line

    execute_from_command_line(["manage.py", *sys.argv[1:]])
