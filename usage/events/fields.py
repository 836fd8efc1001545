"""The public fields of one event, as SQL: the same for lists, export and pages.

Expressions stand over `usage_event AS e` and what `JOINS` adds. Counts that no one reported are
null; `inputTokens` always includes the cache and `outputTokens` the reasoning, whatever the
provider (contract 2.5). Costs are nano-dollars, null without a price.
"""

from monitoring.web.currency import Currency
from providers.models.keys import key_name_sql
from usage.history.dimensions import UNATTRIBUTED
from usage.history.labels import NO_KEY
from usage.history.scope import Scope
from usage.models.failures import DIVIDED
from usage.rollups.tables import cost_sql

JOINS = """
    JOIN usage_usageseries AS s ON s.id = e.series_id
    JOIN management_proxy_upstream AS o ON o.id = s.upstream_id
    LEFT JOIN providers_clientkey AS k ON k.id = e.client_key_id
    LEFT JOIN auth_user AS a ON a.id = k.owner_id
    LEFT JOIN providers_credential AS c ON c.id = e.credential_id
"""
# Reasoning is null where it is billed as output.
_COST_KINDS = {
    "input": "e.input_cost",
    "cacheRead": "e.cache_read_cost",
    "cacheWrite": "e.cache_write_cost",
    "output": "e.output_cost",
    "reasoning": "e.reasoning_cost",
}
_COST_OBJECT = ", ".join(f"'{name}', {sql}" for name, sql in _COST_KINDS.items())
_OF_DIVIDED = " ".join(
    f"WHEN s.failure_class = '{finer.value}' THEN '{group.value}'"
    for group, classes in DIVIDED.items()
    for finer in classes
)
_GROUP = f"CASE {_OF_DIVIDED} ELSE nullif(s.failure_class, '') END"
_FIELDS = {
    "id": "e.id::text",
    "timestamp": """to_char(e."timestamp" AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')""",
    "upstream": "o.name",
    "keyId": f"coalesce(k.id::text, '{UNATTRIBUTED}')",
    "keyName": f"coalesce({key_name_sql('k')}, '{NO_KEY}')",
    "username": "a.username",
    "model": "s.model",
    "alias": "s.alias",
    "provider": "s.provider",
    "credentialId": f"coalesce(c.id::text, '{UNATTRIBUTED}')",
    "credential": "coalesce(c.label, '')",
    "authType": "s.auth_type",
    "executorType": "s.executor_type",
    "endpoint": "s.endpoint",
    "serviceTier": "s.service_tier",
    "reasoningEffort": "s.reasoning_effort",
    "failed": "s.failed",
    "failureClass": "nullif(s.failure_class, '')",
    "failureGroup": _GROUP,
    "failStatus": "e.fail_status",
    "latencyMs": "e.latency_ms",
    "ttftMs": "e.ttft_ms",
    "totalTokens": "coalesce(e.total_tokens, 0)",
    "inputTokens": (
        "coalesce(e.uncached_input_tokens, 0) + coalesce(e.cache_read_tokens, 0) +"
        " coalesce(e.cache_write_tokens, 0)"
    ),
    "outputTokens": "coalesce(e.non_reasoning_output_tokens, 0) + coalesce(e.reasoning_tokens, 0)",
    "uncachedInputTokens": "e.uncached_input_tokens",
    "cacheReadTokens": "e.cache_read_tokens",
    "cacheWriteTokens": "e.cache_write_tokens",
    "nonReasoningOutputTokens": "e.non_reasoning_output_tokens",
    "reasoningTokens": "e.reasoning_tokens",
    "unclassifiedTokens": "e.unclassified_tokens",
    "tokenQuality": "e.token_quality",
    "costNanoUsd": cost_sql("e"),
    "listCostNanoUsd": "e.list_cost",
    "cacheSavingsNanoUsd": "e.cache_savings",
    "cost": f"json_build_object({_COST_OBJECT})",
    "priceVersion": "e.price_version_id",
    "isFirstAttempt": "e.is_first_attempt",
    "requestId": "e.request_id",
}
# Whose account served a request, and whose key it was, is for administrators.
_STAFF_FIELDS = frozenset({"username", "credentialId", "credential"})
# What people or providers chose; the rest are numbers, instants and words of ours.
TEXT_FIELDS = frozenset(
    {
        "upstream",
        "keyName",
        "username",
        "model",
        "alias",
        "provider",
        "credential",
        "authType",
        "executorType",
        "endpoint",
        "serviceTier",
        "reasoningEffort",
        "requestId",
    }
)


def fields_for(scope: Scope) -> dict[str, str]:
    """Name and SQL expression of every field that may be seen."""
    return {
        name: sql
        for name, sql in _FIELDS.items()
        if scope.sees_everything or name not in _STAFF_FIELDS
    }


def flat_fields_for(scope: Scope) -> dict[str, str]:
    """The same for a table, in which each kind of cost is a field."""
    flat: dict[str, str] = {}
    for name, sql in fields_for(scope).items():
        if name == "cost":
            flat |= {f"{kind}CostNanoUsd": of_kind for kind, of_kind in _COST_KINDS.items()}
        else:
            flat[name] = sql
    return flat


def converted_fields(currency: Currency | None) -> dict[str, str]:
    """Costs in a currency, and which it is; none for no currency."""
    if currency is None:
        return {}
    rate = "1" if currency.rate is None else f"{currency.rate:f}"
    return {
        "currency": f"'{currency.code}'",
        **{
            f"{name.removesuffix('NanoUsd')}Nano": f"round(({_FIELDS[name]}) * {rate})::bigint"
            for name in ("costNanoUsd", "listCostNanoUsd", "cacheSavingsNanoUsd")
        },
    }


def select_list(fields: dict[str, str]) -> str:
    """Fields as they stand after SELECT."""
    return ", ".join(f'{sql} AS "{name}"' for name, sql in fields.items())
