"""Brings the catalogues of translations up to date with the sources: `make messages`."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

from config.languages import sources

ROOT = Path(__file__).resolve().parent.parent
# What speaks to people; the simulator, tests and Django's own commands are not translated.
SPOKEN = ("config", "management_proxy", "monitoring", "providers", "templates", "usage")
HAS_GETTEXT = all(map(shutil.which, ("xgettext", "msgmerge", "msgattrib")))


def extract(folder: Path) -> None:
    """Bring every catalogue of `folder`/locale up to date with the sources beside it. Raises
    CalledProcessError if GNU gettext refuses a source."""
    command = [sys.executable, "-m", "django", "makemessages", "--all", "--symlinks"]
    quiet = ["--no-location", "--no-obsolete", "--verbosity", "0"]
    ignored = [f"--ignore={name}" for name in ("tests", "var", "locale", "simulator", "migrations")]
    subprocess.run([*command, *quiet, *ignored], cwd=folder, check=True)


def catalogue(path: Path) -> Catalog:
    """One catalogue, as it is written."""
    with path.open("rb") as text:
        return read_po(text, locale=path.parent.parent.name)


def identity(message: Message) -> tuple[str, str]:
    """Context and text of a message, the singular where it has a plural."""
    text = str(message.id if isinstance(message.id, str) else message.id[0])
    return message.context or "", text


def untranslated(found: Catalog) -> Iterator[Message]:
    """Messages that lack a translation, in part or in whole, or whose translation is a guess."""
    for message in found:
        if message.id and (message.fuzzy or not all(forms(message))):
            yield message


def forms(message: Message) -> list[str]:
    """The translations of a message: one, or one for each form of the plural."""
    if isinstance(message.string, str):
        return [message.string]
    return list(message.string or [""])


def main() -> None:
    """Update, and list what translators have to do."""
    if not HAS_GETTEXT:
        sys.exit("`make messages` needs GNU gettext: apt-get install gettext")
    extract(ROOT)
    for path in sources(ROOT / "locale"):
        missing = list(untranslated(catalogue(path)))
        for message in missing:
            print(f"{path.relative_to(ROOT)}: {identity(message)[1]}")
        print(f"{path.relative_to(ROOT)}: {len(missing)} to translate")


if __name__ == "__main__":
    main()
