"""Reports on usage: how fast it was, two dimensions crossed, two selections compared."""
