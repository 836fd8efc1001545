"""Sums per series and bucket: tables, SQL and histograms; and the partitions of the events."""
