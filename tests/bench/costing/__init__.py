"""What recomputing costs takes."""
