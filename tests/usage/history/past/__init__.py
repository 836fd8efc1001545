"""Tests of what was read of days that are over."""
