"""What can go wrong between us and an upstream, by what the caller can do about it.

UpstreamError
 +- NotReached           the request never arrived: repeating is safe
 |   +- Blocked          we did not even try: the upstream refused our key, or banned us; an
     operator or the time must act
 |   |   +- KeyRejected      401
 |   |   +- Banned           403 with a time
 +- Uncertain            the request was sent, the answer did not come whole: it may have taken
                         effect
 |   +- AnswerTimeout
 |   +- AnswerTooLarge
 +- Refused              a complete answer that is not the wanted one
     +- NotFound             404: route or thing missing, or management switched off
     +- ServerFault          5xx
     +- Unintelligible       the wanted status with a body that makes no sense

`is_safe_to_repeat` says whether the same request may be sent again without knowing more;
`failure_class` is the word of the closed list in the glossary.
"""

from datetime import datetime


class UpstreamError(Exception):
    """A request to the upstream did not bring what was asked for."""

    is_safe_to_repeat = False
    failure_class = "upstream_error"


class NotReached(UpstreamError):
    """The connection could not be made; nothing was sent."""

    is_safe_to_repeat = True
    failure_class = "connection"


class Blocked(NotReached):
    """Nobody may call this upstream until an operator has acted or the ban has passed."""

    is_safe_to_repeat = False
    failure_class = "auth"


class KeyRejected(Blocked):
    """401: every further try counts towards a ban of half an hour."""


class Banned(Blocked):
    """403: our address is banned until `until`."""

    def __init__(self, message: str, until: datetime) -> None:
        super().__init__(message)
        self.until = until


class Uncertain(UpstreamError):
    """The request was sent and its answer is unknown or incomplete."""

    failure_class = "connection"


class AnswerTimeout(Uncertain):
    """No complete answer within the limit."""

    failure_class = "timeout"


class AnswerTooLarge(Uncertain):
    """The answer exceeded its budget; reading stopped."""

    failure_class = "invalid_response"


class Refused(UpstreamError):
    """A complete answer with another status than wanted."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class NotFound(Refused):
    """404."""


class ServerFault(Refused):
    """5xx."""


class Unintelligible(Refused):
    """The wanted status, but the body is not what the contract says."""

    failure_class = "invalid_response"
