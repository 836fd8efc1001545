"""The upstream's management API: a client, its operations, one tree of errors."""
