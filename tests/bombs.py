"""YAML whose aliases mean far more than they show."""


def _nested(first: str, form: str) -> str:
    lines = [f"a: &a {first}"]
    for before, name in zip("abcdef", "bcdefg", strict=True):
        lines.append(f"{name}: &{name} {form % ','.join([f'*{before}'] * 9)}")
    return "\n".join(lines) + "\n"


BOMB = _nested("[1,1,1,1,1,1,1,1,1]", "[%s]")
MERGES = _nested("{k: 1}", "{<<: [%s]}")
LOOP = "x: 1\na: &a [*a]\n"
