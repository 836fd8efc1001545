"""What Prometheus shows of queries about usage; kinds, sources and outcomes are closed sets."""

from prometheus_client import Counter, Histogram

QUERIES = Histogram(
    "usage_query_duration_seconds",
    "Queries about usage, by kind and by how the cache responded.",
    ["query", "cache"],
    buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
SOURCES = Counter(
    "usage_query_sources",
    "Rollups, or the events, that queries were read from.",
    ["query", "source"],
)
ROWS = Counter("usage_query_rows", "Rows that the statements of queries returned.", ["query"])
