"""How an upstream is ill, and how soon it is given up."""

from dataclasses import replace
from typing import Any

import pytest

from management_proxy.client.http import ManagementClient

EVERY_CALL = {"path": "/v0/management/*", "count": None, "when": "before"}
HUNG = {"kind": "hang_before_headers", "seconds": 5, **EVERY_CALL}
DOWN = {"kind": "reset", **EVERY_CALL}


def wait_at_most(seconds: float, patch: pytest.MonkeyPatch) -> None:
    """Shorten what a call waits for an upstream, until the patch is undone."""
    call = ManagementClient.call

    def hurried(self: ManagementClient, method: str, path: str, limits: Any, **more: Any) -> Any:
        waits = dict.fromkeys(("connect", "first_byte", "idle", "total"), seconds)
        return call(self, method, path, replace(limits, **waits), **more)

    patch.setattr(ManagementClient, "call", hurried)
