"""What an attempt costs."""
