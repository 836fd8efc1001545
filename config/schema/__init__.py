"""The schema of a new embedded database, as the migrations make it, in one file."""
