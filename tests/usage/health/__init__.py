"""Tests of the health checks of collection."""
