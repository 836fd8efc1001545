"""The settings of a mutated process: those of any other, and the app that applies the mutation
which `TOLLGATE_MUTATION` names.

The production settings have no such app, and a system check refuses the variable there.
"""

from config import settings as ordinary
from config.settings import *  # noqa: F403
from tests.gate.mutations.catalogue import MUTATIONS
from tests.gate.mutations.scripts import mutated_folder

TESTING = True
# Before all others, so that what they import at their start is mutated already.
INSTALLED_APPS = ["tests.gate.mutations.app.Mutations", *ordinary.INSTALLED_APPS]
STATICFILES_DIRS = [*mutated_folder(ordinary.MUTATION), *ordinary.STATICFILES_DIRS]
if ordinary.MUTATION and MUTATIONS[ordinary.MUTATION].is_early:
    MUTATIONS[ordinary.MUTATION].apply()
