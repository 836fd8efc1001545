"""Judging figures: thresholds with their confidence, the plan's acceptance, the baseline."""
