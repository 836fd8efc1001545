"""Why a change of the upstream cannot be made; nothing has been changed when one of these is
raised.

ChangeRefused            names the field and says why, for the user
 +- QueueFull            too many changes wait for this upstream
"""


class ChangeRefused(Exception):
    """The change cannot be made; `field` names what to correct, empty if it is no field's fault."""

    def __init__(self, message: str, field: str = "", code: str = "VALIDATION_ERROR") -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.code = code


class QueueFull(ChangeRefused):
    """Too many changes wait for this upstream; try again later."""
