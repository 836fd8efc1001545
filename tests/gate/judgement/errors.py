"""Which classes of errors are new: met in this run, and expected of no scenario."""

import tomllib
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path

FILE = Path(__file__).parent.parent / "known_errors.toml"


def new_classes(met: Iterable[str], path: Path = FILE) -> list[str]:
    """Those that no pattern of the file fits."""
    patterns = [row["pattern"] for row in tomllib.loads(path.read_text())["known"]]
    return sorted(name for name in met if not any(fnmatchcase(name, one) for one in patterns))
