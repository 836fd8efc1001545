"""Personal tokens, with which scripts call instead of a session."""
