"""The Compare page: two selections side by side, with overlaid charts."""
