"""The audit trail: who did what, from where, with what outcome; its page and its export."""
