"""Make the screenshots of the documents anew, from a demonstration of their own or, with `--url`,
from one that runs with the same password: `python -m tests.screenshots [NAME ...]`."""

import argparse
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import django
from playwright.sync_api import sync_playwright

from tests.browser import ARGUMENTS, CHROMIUM
from tests.screenshots.camera import LANGUAGES, PHONE, Look, pages, take, visitor
from tests.screenshots.demonstration import ROOT, demonstration

HEAD = """# Screenshots

`make screenshots` makes them anew from a demonstration: every page of an administrator in light and
dark, some on a phone, in German and in Simplified Chinese. A long page is cut below. The fonts are
Noto Sans and Noto Sans CJK: without one that has them, Chinese characters are boxes."""
FOLDER = ROOT / "docs" / "screenshots"
EVERYWHERE = (Look(), Look("-dark", theme="dark"))
# What is also shown on a phone and in the other languages.
SOME = ("overview", "usage", "usage-events", "providers-accounts", "monitoring", "connect")
MORE = (
    Look("-phone", viewport=PHONE),
    Look("-de", language="de"),
    Look("-zh-Hans", language="zh-Hans"),
)


@contextmanager
def _stack(url: str) -> Iterator[str]:
    if url:
        yield url
        return
    with tempfile.TemporaryDirectory() as folder, demonstration(folder) as own:
        yield own


def main() -> None:
    """Overwrite the pictures; those of pages that are no more are deleted when all are made."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="only these pages (default: all)")
    parser.add_argument("--url", default="", help="of a demonstration that runs already")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    options.folder.mkdir(exist_ok=True)
    with _stack(options.url) as url:
        taken = photograph(url, options.folder, options.names)
    if not options.names:
        for old in {*options.folder.glob("*.webp")} - taken:
            old.unlink()
    (options.folder / "README.md").write_text(index(options.folder))


def index(folder: Path) -> str:
    """The document that lists the pictures of a folder."""
    looks = (*EVERYWHERE, *MORE)
    suffixes = [look.suffix for look in looks if look.suffix]
    names = sorted(
        path.stem for path in folder.glob("*.webp") if not path.stem.endswith(tuple(suffixes))
    )
    lines = [HEAD, "", f"| page | {' | '.join(suffix[1:] for suffix in suffixes)} |"]
    lines.append("| --- " * (1 + len(suffixes)) + "|")
    for name in names:
        cells = [f"[{name}]({name}.webp)"]
        for suffix in suffixes:
            exists = (folder / f"{name}{suffix}.webp").exists()
            cells.append(f"[{suffix[1:]}]({name}{suffix}.webp)" if exists else "")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def photograph(url: str, folder: Path, names: list[str]) -> set[Path]:
    """Every look at these pages, or at all; returns the pictures' paths."""
    taken: set[Path] = set()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*ARGUMENTS, LANGUAGES])
        with visitor(browser, url, Look()) as page:
            found = pages(page)
        for look in (*EVERYWHERE, *MORE):
            with visitor(browser, url, look) as page:
                for name in found if look in EVERYWHERE else SOME:
                    if names and name not in names:
                        continue
                    path = folder / f"{name}{look.suffix}.webp"
                    take(page, found[name], path)
                    taken.add(path)
        browser.close()
    return taken


if __name__ == "__main__":
    main()
