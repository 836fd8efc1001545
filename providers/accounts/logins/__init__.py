"""Connecting an OAuth account: begun, followed, and ended with a proven owner."""
