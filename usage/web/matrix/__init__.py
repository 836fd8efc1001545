"""The Matrix page: two dimensions crossed, with a link to the events of each cell."""
