"""What an attempt used, by kind of token: the upstream's own breakdown, or the reported counters
completed (contract 2.5); pure."""

import msgspec

from usage.ingest.queue_entry import QueueEntry, ReportedTokens


class Tokens(msgspec.Struct, frozen=True, gc=False):
    """What was used, by kind; None means not reported. The parts add up to `total`."""

    quality: str
    total: int | None = None
    uncached_input: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    non_reasoning_output: int | None = None
    reasoning: int | None = None
    unclassified: int | None = None


def tokens_of(record: QueueEntry) -> Tokens:
    """What an attempt used: the server's own breakdown, or the reported counters completed by
    contract 2.5."""
    b = record.token_breakdown
    if b is None:
        return _completed(record.tokens, _family(record))
    return Tokens(
        b.quality[:12],
        b.total_tokens,
        b.input.uncached_tokens,
        b.input.cache_read_tokens,
        b.input.cache_write_tokens,
        b.output.non_reasoning_tokens,
        b.output.reasoning_tokens,
        b.unclassified_tokens,
    )


_OPENAI_LIKE = ("codex", "xai", "kimi", "openai-compat")
_GEMINI_LIKE = ("gemini", "vertex", "aistudio", "antigravity")


def _family(record: QueueEntry) -> str:
    provider = record.provider
    if provider == "claude" or provider.startswith(_OPENAI_LIKE):
        return "claude" if provider == "claude" else "openai"
    if provider.startswith(_GEMINI_LIKE):
        return "gemini"
    # Old versions give the key of an OpenAI-compatible provider the bare name from the
    # configuration.
    return (
        "openai" if record.auth_type == "apikey" and provider not in ("", "unknown") else "unknown"
    )


def _completed(t: ReportedTokens, family: str) -> Tokens:
    reported = [
        t.input_tokens,
        t.output_tokens,
        t.reasoning_tokens,
        t.cached_tokens,
        t.cache_read_tokens,
        t.cache_creation_tokens,
    ]
    if t.total_tokens is None and all(count is None for count in reported):
        return Tokens("unreported")
    if any((count or 0) < 0 for count in [*reported, t.total_tokens]):
        return _unclassified(t, "inconsistent")
    read = (t.cache_read_tokens or 0) or (
        t.cached_tokens or 0 if not t.cache_creation_tokens else 0
    )
    write, given_in, given_out, reasoning = (
        t.cache_creation_tokens or 0,
        t.input_tokens or 0,
        t.output_tokens or 0,
        t.reasoning_tokens or 0,
    )
    if family == "claude":
        parts = (given_in, read, write, given_out - reasoning, reasoning)
    elif family == "openai":
        parts = (given_in - read - write, read, write, given_out - reasoning, reasoning)
    elif family == "gemini":
        parts = (given_in - read - write, read, write, given_out, reasoning)
    else:
        return _unclassified(t, "unclassified")
    if min(parts) < 0:
        return _unclassified(t, "inconsistent")
    return Tokens("complete", sum(parts), *parts, unclassified=0)


def _unclassified(t: ReportedTokens, quality: str) -> Tokens:
    total = max(t.total_tokens or max(t.input_tokens or 0, 0) + max(t.output_tokens or 0, 0), 0)
    return Tokens(quality, total, 0, 0, 0, 0, 0, total)
