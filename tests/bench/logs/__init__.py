"""What following a busy log costs, and whether it loses a line: `make bench-logs`."""
