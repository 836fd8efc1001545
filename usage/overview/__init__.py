"""The Overview, the first page after signing in: what is wrong, how much, when, how well, who."""
