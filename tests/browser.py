"""Where a real browser is, and what becomes of the tests that need one where none is."""

import os
import shutil

SHELL = "chromium-headless-shell"


def _installed(*names: str) -> str | None:
    return next((path for name in names if (path := shutil.which(name))), None)


CHROMIUM = _installed("chromium", "chromium-browser", "google-chrome", SHELL)
# The same browser without a frame around its pages, which takes half of the work.
WITHOUT_FRAME = _installed(SHELL) or CHROMIUM
REQUIRED = os.environ.get("TOLLGATE_REQUIRE_BROWSER") == "1"
# As root, and in containers, Chromium's own sandbox cannot be set up.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


if __name__ == "__main__" and CHROMIUM is None and not REQUIRED:
    print(
        "=" * 88
        + "\n  NO BROWSER: the tests that need one are SKIPPED. Install Chromium to run them.\n"
        + "=" * 88
    )
