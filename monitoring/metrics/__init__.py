"""Metrics for Prometheus: counters of the processes and gauges from the database."""
