"""Running a server that refuses to be root: as another system user if we are root, as ourselves
otherwise.

Rights are only ever added, and only those without which that user could not work: to walk through
(never to list) the folders above its own, and to read the server's programs. Each folder of the
operator's that is opened is named.
"""

import os
import pwd
import stat
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path


def system_user(name: str) -> int:
    """The id of a system user, made if need be; raises OSError or CalledProcessError."""
    with suppress(KeyError):
        return pwd.getpwnam(name).pw_uid
    command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", name]
    subprocess.run(command, capture_output=True, text=True, check=True)
    return pwd.getpwnam(name).pw_uid


def make_private(path: Path, owner: int) -> None:
    """A folder for one user alone; raises FileExistsError for one that another user made there (a
    shared /tmp)."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (os.geteuid(), owner):
        raise FileExistsError(f"{path} belongs to another user: remove it")
    path.chmod(0o700)
    if found.st_uid != owner:
        os.chown(path, owner, -1)


def let_pass(path: Path) -> None:
    """Let other users walk through the folders above a path."""
    for folder in path.parents:
        if _grant(folder, 0o001):
            reason = "as PostgreSQL does not run as root"
            sys.stderr.write(f"tollgate: other users may now walk through {folder}, {reason}\n")


def let_read(installation: Path) -> None:
    """Let other users read and run what a package installed, whatever the umask then was."""
    let_pass(installation)
    for path in (installation, *installation.rglob("*")):
        if path.exists() and not path.is_symlink():
            _grant(path, 0o005 if path.is_dir() or path.stat().st_mode & 0o100 else 0o004)


def _grant(path: Path, bits: int) -> bool:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & bits == bits:
        return False
    path.chmod(mode | bits)
    return True


def run(command: list[str], user: int) -> tuple[int, str]:
    """Exit status and output of a command, run as that user, in a session of its own and without
    our environment."""
    switch = user != os.geteuid()
    # A file, not a pipe: a server left running inherits it and would keep a pipe open.
    with tempfile.TemporaryFile("w+") as output:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd="/",
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"},
            check=False,
            user=user if switch else None,
            group=_group(user) if switch else None,
            extra_groups=[] if switch else None,
        )
        output.seek(0)
        return done.returncode, output.read().strip()


def _group(user: int) -> int:
    # A data directory restored from elsewhere may belong to a number that has no name here.
    try:
        return pwd.getpwuid(user).pw_gid
    except KeyError:
        return user
