"""What pages show while something is broken or missing."""
