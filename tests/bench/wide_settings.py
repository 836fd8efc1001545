"""The settings of a benchmark that sends more than any policy allows: the upload's budget is
lifted."""

from dataclasses import replace

from config.settings import *  # noqa: F403
from management_proxy.client.limits import MIB
from management_proxy.proxy.rules import policy_table

policy_table.POLICIES = tuple(
    replace(row, request_bytes=256 * MIB)
    if (row.path, row.methods) == ("auth-files", ("POST",))
    else row
    for row in policy_table.POLICIES
)
