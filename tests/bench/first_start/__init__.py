"""How soon `make run` serves in a fresh clone: `make bench-first-start`."""
