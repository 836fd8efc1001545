"""Keeping the tables in order: rebuild and compare rollups, retention, periodic tasks."""
