"""Collect, prune, rebuild, replay and seed."""
