"""What the mutations replace: each function makes one mistake in the process that calls it."""
