"""Tests of lists and exports of events."""
