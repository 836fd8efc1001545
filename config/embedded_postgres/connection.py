"""Where the embedded database is reached: its socket, user and database."""

import hashlib
import os
import tempfile
from pathlib import Path

DATABASE = "tollgate"
SUPERUSER = "postgres"
# A socket's path may have 107 bytes; PostgreSQL adds "/.s.PGSQL.5432".
LONGEST_SOCKET_DIRECTORY = 90


def connection_settings(var_dir: Path) -> dict[str, str]:
    """The entries NAME, USER, HOST and PORT of Django's DATABASES; starts nothing."""
    return {
        "NAME": DATABASE,
        "USER": SUPERUSER,
        "HOST": str(socket_directory(var_dir)),
        "PORT": "5432",
    }


def socket_directory(var_dir: Path) -> Path:
    """Where the socket lies: under `var_dir`, or in the temporary folder if that path is too long
    or has a comma."""
    beside = var_dir / "postgres-socket"
    if len(os.fsencode(beside)) <= LONGEST_SOCKET_DIRECTORY and not {",", '"'} & set(str(beside)):
        return beside
    mark = hashlib.sha256(f"{os.getuid()}:{var_dir}".encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"tollgate-{mark}"
