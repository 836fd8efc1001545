"""Buttons of the monitoring page: letting callers in again, switching usage statistics on."""
