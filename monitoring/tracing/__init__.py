"""Spans of requests, statements, upstream calls and runs, for OpenTelemetry where it is wanted."""
