"""What can go wrong between us and an upstream, by what the caller can do about it.

One tree for every way to it: our own calls (httpx), proxied ones (httpcore) and the subscription
(redis-py) translate their library's errors into it where they use the library.

UpstreamError
 +- NotReached              nothing was sent: repeating is safe
 |   +- ConnectTimeout          no connection within the limit
 |   +- Blocked                 we did not even try: an operator or the time must act
 |       +- KeyRejected             401
 |       +- Banned                  403 with a time
 +- Uncertain               sent, but no whole response came: it may have taken effect
 |   +- Broken                  the connection ended before the response did
 |   +- ResponseTimeout         one of our limits passed
 |   +- ResponseTooLarge        the response exceeds its budget
 +- Refused                 a complete response that is not the wanted one
     +- NotFound                404: route or thing missing, or management switched off
     +- ServerFault             5xx
     +- Unintelligible          the wanted status with a body that makes no sense

`is_safe_to_repeat` says whether the same request may be sent again without knowing more;
`failure_class` is the word of the closed list in the glossary.
"""

from datetime import datetime


class UpstreamError(Exception):
    """A request to the upstream did not return what it was made for."""

    is_safe_to_repeat = False
    failure_class = "upstream_error"


class StillWaiting(Exception):
    """A page that wants no more than a moment stopped waiting (`client.limits.in_haste`); the
    upstream may be well. Apart from the tree: what is caught there has failed."""


class NotReached(UpstreamError):
    """The connection could not be made; nothing was sent."""

    is_safe_to_repeat = True
    failure_class = "connection"


class ConnectTimeout(NotReached):
    """The connection was not made within the limit."""


class Blocked(NotReached):
    """No caller may use this upstream until an operator has acted or the ban has passed."""

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
    """The request was sent and its response is unknown or incomplete."""

    failure_class = "connection"


class Broken(Uncertain):
    """The connection ended early, or what came over it is not the protocol."""


class ResponseTimeout(Uncertain):
    """No complete response within the limit."""

    failure_class = "timeout"


class ResponseTooLarge(Uncertain):
    """The response exceeded its budget; reading stopped."""

    failure_class = "invalid_response"


class Refused(UpstreamError):
    """A complete response with another status than wanted."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status

    @property
    def is_of_request(self) -> bool:
        """Whether what was sent is at fault and the upstream is well; the rest of 4xx is about
        access, routes and load."""
        return self.status in (400, 409, 413, 415, 422)


class NotFound(Refused):
    """404."""


class ServerFault(Refused):
    """5xx."""


class Unintelligible(Refused):
    """The wanted status, but the body is not what the contract says."""

    failure_class = "invalid_response"
