"""All mutations, registered by the import of the modules that make them."""

from tests.gate.mutations import registry
from tests.gate.mutations.patches import (
    collecting,
    leases,
    pages,
    processes,
    proxying,
    queries,
    writing,
)

MADE_BY = (leases, collecting, queries, proxying, writing, pages, processes)
MUTATIONS = registry.MUTATIONS
