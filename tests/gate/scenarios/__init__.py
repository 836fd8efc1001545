"""The scenarios: each loads the stack in one way and records what it measures."""
