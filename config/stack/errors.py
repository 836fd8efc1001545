"""Why a stack does not start."""


class CannotStart(Exception):
    """Something that an operator must change first; the message names what."""
