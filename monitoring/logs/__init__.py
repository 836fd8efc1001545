"""Kinds of log lines with their fields, and the account of what the present request costs."""
