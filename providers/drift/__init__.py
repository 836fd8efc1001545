"""Differences between an upstream and what we believe, and bringing the two together."""
