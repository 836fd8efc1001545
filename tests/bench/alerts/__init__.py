"""What evaluating alert rules costs, and what dying while sending does not lose."""
