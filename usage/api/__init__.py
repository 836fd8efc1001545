"""JSON addresses of usage: the only place for JSON names and envelopes."""
