"""Rules, alerts and their messages."""
