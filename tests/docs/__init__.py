"""The documents are true, and the folders are as they say."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def repository_files(*patterns: str) -> list[Path]:
    """The files of the repository that match, with those not committed yet."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *patterns]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]
