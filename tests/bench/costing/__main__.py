"""What costs take: `make bench-costs`.

On the reference dataset, whose models are priced like real ones: recomputations alone, beside live
collection and after an upgrade; and what reading and draining take with costs against without, in
turn, so that a busy machine slows both. `python -m tests.bench.costing reading` is one part.
"""

import argparse
import sys
from collections.abc import Callable

from tests.bench.arena import arena
from tests.bench.costing.draining import draining
from tests.bench.costing.reading import reading
from tests.bench.costing.recomputing import alone, beside, price_the_models, recomputed, upgrade
from tests.bench.report import Row, table, write_section


def _reading(options: argparse.Namespace) -> list[Row]:
    with arena(options.stored):
        price_the_models()
        recomputed("first costs of all events", apply=True)
        return reading(options.turns)


PARTS: dict[str, Callable[[argparse.Namespace], list[Row]]] = {
    "recomputing": lambda options: alone(options.stored),
    "beside": lambda options: beside(options.stored, options.rate),
    "upgrade": lambda options: upgrade(options.stored, options.rate),
    "reading": _reading,
    "draining": lambda options: draining(options.turns // 10, options.events),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.costing", description=__doc__)
    names = f"of {', '.join(PARTS)}; all if not given"
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], metavar="PART", help=names)
    parser.add_argument("--stored", type=int, default=3_205_740)
    parser.add_argument("--rate", type=int, default=500, help="events a second beside it")
    parser.add_argument("--turns", type=int, default=60, help="of reading; a tenth of draining")
    parser.add_argument("--events", type=int, default=50_000, help="of each drain")
    options = parser.parse_args()
    command = " ".join(["python -m tests.bench.costing", *sys.argv[1:]])
    for part in options.parts or PARTS:
        body = table(["what", "measured", "target"], PARTS[part](options))
        write_section(f"Costs: {part}", command if sys.argv[1:] else "make bench-costs", body)


if __name__ == "__main__":
    main()
