"""The database backend: Django's for PostgreSQL with metrics, whose health check costs no round
trip."""
