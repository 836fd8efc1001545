"""Mutated copies of the scripts that browsers get."""

import tempfile
from pathlib import Path

STATIC = Path(__file__).parent.parent.parent.parent / "static"
# By the mutation: the script, what is replaced in it, and by what.
REPLACED = {
    "polling_while_hidden": (
        "js/polling/main.js",
        'document.visibilityState === "visible"',
        "true",
    ),
    "every_tab_polls": ("js/polling/tabs.js", "if (!navigator.locks) lead();", "if (lead) lead();"),
    "always_whole": ("js/polling/request.js", "heldTags() }", '"" }'),
    "unmarked_polling": ("js/polling/request.js", '[MARK]: "true", ', ""),
    "impatient_polling": (
        "js/polling/main.js",
        "outcome.wait = jittered(Math.max(seconds,",
        "outcome.wait = jittered(Math.min(2,",
    ),
}


def mutated_folder(mutation: str) -> list[Path]:
    """A folder with the mutated script, to be searched first; none for other mutations."""
    if mutation not in REPLACED:
        return []
    name, old, new = REPLACED[mutation]
    text = (STATIC / name).read_text()
    assert old in text, f"{name} does not contain {old}"
    folder = Path(tempfile.gettempdir()) / f"tollgate-{mutation}"
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text.replace(old, new))
    return [folder]
