"""`/api/management/`: which requests pass to an upstream, and how its responses come back."""
