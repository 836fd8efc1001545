"""What may be requested of usage, as forms: bounds, defaults, and the query that comes of it."""
