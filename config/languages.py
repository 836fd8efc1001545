"""The languages of the pages: English, in which they are written, and every one that has a
catalogue.

* A catalogue is `locale/<language>/LC_MESSAGES/django.po`. Adding a language is adding this file.
* What Django reads is compiled from it when a process starts and finds the file changed. The
  compiled file has its source's time of change, replaces the former at once, and is not kept in
  the repository.
* A catalogue that cannot be compiled, because its folder may not be written, is no language here;
  the system check `tollgate.W021` reports that.
"""

import os
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from django.conf.locale import LANG_INFO
from django.utils.translation import to_language

SOURCE_LANGUAGE = "en"


def available(folder: Path) -> list[tuple[str, str]]:
    """Code and own name of every language, English first; compiles what changed."""
    found = [path.parent.parent.name for path in sources(folder) if _is_compiled(path)]
    return [(code, _own_name(code)) for code in [SOURCE_LANGUAGE, *map(to_language, found)]]


def sources(folder: Path) -> list[Path]:
    """The catalogues as translators write them."""
    return sorted(folder.glob("*/LC_MESSAGES/django.po"))


def _own_name(code: str) -> str:
    return str(LANG_INFO.get(code, {}).get("name_local", code)).capitalize()


def _is_compiled(source: Path) -> bool:
    try:
        _compile_if_changed(source)
    except OSError:
        return False
    return True


def _compile_if_changed(source: Path) -> None:
    changed, compiled = source.stat().st_mtime_ns, source.with_suffix(".mo")
    if compiled.exists() and compiled.stat().st_mtime_ns == changed:
        return
    # Another process may do the same.
    draft = compiled.with_suffix(f".{os.getpid()}.mo")
    with source.open("rb") as text, draft.open("wb") as binary:
        write_mo(binary, read_po(text, locale=source.parent.parent.name))
    os.utime(draft, ns=(changed, changed))
    draft.replace(compiled)
