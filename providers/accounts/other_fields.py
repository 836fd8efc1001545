"""What a newer upstream shows of an auth file beyond what is read of it, such as observed
quotas."""

from typing import Any

from monitoring.masking import masked

MOST_FIELDS = 40
# What the upstream shows of a file (contract 5.1), whether or not it is read here.
_KNOWN = frozenset(
    {
        *("account", "account_type", "auth_index", "created_at", "disabled", "email", "failed"),
        *("id", "id_token", "label", "last_refresh", "modtime", "name", "next_refresh_after"),
        *("next_retry_after", "note", "path", "priority", "project_id", "provider"),
        *("recent_requests", "request_retry", "runtime_only", "size", "source", "status"),
        *("status_message", "success", "type", "unavailable", "updated_at", "virtual_parent"),
        *("virtual_source", "websockets", "weight"),
    }
)


def other_fields(entry: dict[str, Any]) -> dict[str, Any]:
    """Its unknown fields in order of their names, secrets masked and long ones cut."""
    names = sorted(entry.keys() - _KNOWN)[:MOST_FIELDS]
    return {name: masked(entry[name], name) for name in names}
