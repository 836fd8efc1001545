"""What rules can watch of usage and its collection, and the rules that watch it from the start."""
