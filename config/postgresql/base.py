"""Django asks `SELECT 1` before the first query of every request, to see that the server did not close the connection.

A closed connection shows without asking: there is something to read on it, be it a farewell or the end. So only then is
the question asked. A server that vanished without a word would not answer the question either.
"""

import select

from django_prometheus.db.backends.postgresql import base


class DatabaseWrapper(base.DatabaseWrapper):  # type: ignore[misc]
    """A connection that looks before it asks."""

    def is_usable(self) -> bool:
        if self.connection is None or self.connection.closed:
            return False
        poller = select.poll()
        poller.register(self.connection.fileno(), select.POLLIN)
        return not poller.poll(0) or bool(super().is_usable())
