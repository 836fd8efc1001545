"""Histograms of durations as the database sends them, added up, and the percentiles in them."""
