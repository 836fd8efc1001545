"""Adding to rollups by how much the costs of stored events change, in the transaction that changes
them."""

from usage.rollups.tables import BUCKETS, COST_SUMS, NARROW, PARTIES, Granularity, costs_of_event

_COUNTED = ("priced", "failed_cost")


def changes_sql(source: str) -> str:
    """The rows of `source`, events with a `sign` (1 for a cost that is added, -1 for one that is
    taken away), each with all that rollups group by and the signed costs."""
    buckets = ", ".join(
        f"""{sql.format('e."timestamp"')} AS {name}""" for name, sql in BUCKETS.items()
    )
    series = ", ".join(f"o.{name}" for name in NARROW)
    parties = ", ".join(f"coalesce(e.{name}, 0) AS {name}" for name in PARTIES)
    costs = ", ".join(
        f"e.sign * coalesce({sql}, 0) AS {name}" for name, sql in costs_of_event("e", "o").items()
    )
    return (
        f"SELECT {buckets}, e.series_id, {series}, {parties}, {costs}"
        f" FROM {source} AS e JOIN usage_usageseries AS o ON o.id = e.series_id"
    )


def add_changes_sql(granularity: Granularity, changes: str) -> str:
    """An update that adds the rows of `changes` (a table of `changes_sql`) to a rollup. The caller
    has locked it against the ingest."""
    key = granularity.key
    grouped = ", ".join(f"usage_sum({name}) AS {name}" for name in (*COST_SUMS, *_COUNTED))
    left = "held.priced + change.priced > 0"
    sums = ", ".join(
        f"{name} = CASE WHEN {left} THEN coalesce(held.{name}, 0) + change.{name} END"
        for name in COST_SUMS
    )
    counts = ", ".join(f"{name} = held.{name} + change.{name}" for name in _COUNTED)
    same = " AND ".join(f"held.{name} = change.{name}" for name in key)
    numbers = ", ".join(str(number + 1) for number in range(len(key)))
    return f"""
    UPDATE {granularity.table} AS held SET {sums}, {counts}
    FROM (
        SELECT {granularity.key_of_prepared}, {grouped} FROM {changes} GROUP BY {numbers}
    ) AS change
    WHERE {same}"""
