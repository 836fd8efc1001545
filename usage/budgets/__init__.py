"""Budgets: how much a scope may use in a period, forecasts, and keys withheld at a limit."""
