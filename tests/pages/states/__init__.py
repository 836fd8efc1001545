"""What pages weigh, and what they show while something is broken or missing."""
