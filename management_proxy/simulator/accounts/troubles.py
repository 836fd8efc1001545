"""Accounts that serve no requests for a while, in a world that has been lived in."""

import json
from dataclasses import dataclass

MINUTE, HOUR, DAY = 60, 3_600, 86_400


@dataclass(frozen=True)
class Trouble:
    """What ails an account when the simulator starts: for how many seconds it has, for how many
    more it will (None: until it is connected anew), and what its provider responds."""

    file: str
    email: str
    since: int
    lasts: int | None
    error: dict[str, object]

    @property
    def message(self) -> str:
        """The body of the provider's response."""
        return json.dumps({"error": self.error})


TROUBLES = (
    Trouble(
        "codex-frank@example.com-plus.json",
        "frank@example.com",
        50 * MINUTE,
        130 * MINUTE,
        {
            "type": "usage_limit_reached",
            "message": "The usage limit has been reached",
            "plan_type": "plus",
            "resets_in_seconds": 180 * MINUTE,
        },
    ),
    Trouble(
        "xai-dana@example.com.json",
        "dana@example.com",
        2 * DAY + 3 * HOUR,
        None,
        {"code": "invalid_grant", "message": "The refresh token has expired: sign in again"},
    ),
)
