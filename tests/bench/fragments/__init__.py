"""What the regions of the usage pages cost in CPU."""
