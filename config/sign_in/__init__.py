"""Signing in: sessions with their user, and the throttle on guessing passwords."""
