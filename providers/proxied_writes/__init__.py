"""Writes that come through the management proxy, as the changes that they mean."""
