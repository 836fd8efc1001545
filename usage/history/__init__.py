"""The query layer: exact sums and percentiles of any period, filters and groups."""
