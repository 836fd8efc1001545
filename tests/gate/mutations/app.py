"""The app of a mutated process."""

import os

from django.apps import AppConfig

from tests.gate.mutations.catalogue import MUTATIONS


class Mutations(AppConfig):
    """Applies the mutation as the process starts."""

    name = "tests.gate.mutations"
    label = "gate_mutations"

    def ready(self) -> None:
        if (name := os.environ.get("TOLLGATE_MUTATION")) and not MUTATIONS[name].is_early:
            MUTATIONS[name].apply()
