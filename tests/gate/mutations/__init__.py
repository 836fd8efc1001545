"""Mutations of a running Tollgate, by which the gate's self-test proves that the gate can fail."""
