"""The audit trail: who did what, from where, with what outcome; its page and its export.

Other apps write `from monitoring.audit import trail`, then `trail.record(...)`.
"""
