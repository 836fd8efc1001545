"""Every mutation by its name: what it breaks, and which thresholds must turn red by it, and no
others.

A mutation is a few lines that replace one thing of one module, as a mistake in a review would
(tests/gate/mutations/patches), or one expression of a script (scripts.py). Thresholds are named by
their figures.
"""

from collections.abc import Callable
from dataclasses import dataclass

# Runs beside the scenarios of a mutation's thresholds, to see that it turns nothing else red.
CONTROL = ("writes",)
# Measured by every run, whichever scenarios it has.
ALWAYS = ("errors", "leftovers")


@dataclass(frozen=True)
class Mutation:
    """`turns_red` must fail; `may_redden`, patterns of figures, may, since chance decides or it
    follows."""

    what: str
    apply: Callable[[], None]
    turns_red: frozenset[str]
    may_redden: frozenset[str]
    scenarios: set[str]
    is_early: bool


MUTATIONS: dict[str, Mutation] = {}


def mutation(
    what: str,
    *turns_red: str,
    may: tuple[str, ...] = (),
    beside: tuple[str, ...] = CONTROL,
    is_early: bool = False,
) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Register the decorated function, which is called once as a mutated process starts; its name
    is the mutation's. `beside` are scenarios that run with those of its thresholds. An early one is
    made as the settings are read, for processes that load no app: gunicorn's master."""

    def register(apply: Callable[[], None]) -> Callable[[], None]:
        own = {figure.partition(".")[0] for figure in turns_red} - set(ALWAYS)
        MUTATIONS[apply.__name__] = Mutation(
            what, apply, frozenset(turns_red), frozenset(may), own | set(beside), is_early
        )
        return apply

    return register
