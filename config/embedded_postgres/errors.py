"""Why there is no embedded database."""


class EmbeddedPostgresError(Exception):
    """The embedded database cannot be made or started; the message names what to do."""
