"""However the upstream spells a model, it is found, and one that is not known is not guessed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usage.costs.catalogue import shipped
from usage.costs.names import match

SPELLINGS = (
    ("codex", "gpt-5.4", "openai/gpt-5.4", "by its name"),
    ("codex", "GPT-5.4", "openai/gpt-5.4", "by its name"),
    ("codex", " gpt-5.4 ", "openai/gpt-5.4", "by its name"),
    ("codex", "gpt-5.4(high)", "openai/gpt-5.4", "without the level of thinking “(high)”"),
    ("codex", "gpt-5.4-xhigh", "openai/gpt-5.4", "without the level of thinking “-xhigh”"),
    ("codex", "gpt-5.4-2026-03-05", "openai/gpt-5.4", "by its name"),
    ("codex", "gpt-5.4-2026-09-09", "openai/gpt-5.4", "without the date “-2026-09-09”"),
    ("claude", "claude-sonnet-4-6[1m]", "anthropic/claude-sonnet-4-6", "by its name"),
    ("claude", "claude-opus-5@20260801", "anthropic/claude-opus-5", "by its name"),
    (
        "claude",
        "claude-opus-5[1m]",
        "anthropic/claude-opus-5",
        "without the length of context “[1m]”",
    ),
    (
        "gemini",
        "models/gemini-2.5-flash",
        "google/gemini-2.5-flash",
        "without the path “models/”",
    ),
    (
        "vertex",
        "publishers/google/models/gemini-2.5-flash",
        "google/gemini-2.5-flash",
        "without the path “publishers/google/models/”",
    ),
    ("antigravity", "gemini-3-flash", "google/gemini-3-flash-preview", "as its preview"),
    ("antigravity", "gemini-3-pro-high", "google/gemini-3-pro-preview", "as its preview"),
    ("antigravity", "claude-opus-4-6-thinking", "google/claude-opus-4-6", "by its name"),
    ("kimi", "kimi-k2-thinking", "moonshotai/kimi-k2-thinking", "by its name"),
    ("xai", "grok-4.6", "x-ai/grok-4.6", "by its name"),
    (
        "openai-compatible-openrouter",
        "openrouter/anthropic/claude-sonnet-4.5",
        "openrouter/anthropic/claude-sonnet-4.5",
        "without the prefix “openrouter/”",
    ),
    (
        "openai-compatible-openrouter",
        "anthropic/claude-sonnet-4.5:thinking",
        "openrouter/anthropic/claude-sonnet-4.5",
        "without the variant “:thinking”",
    ),
    (
        "openai-compatible-groq",
        "llama-3.3-70b-versatile",
        "groq/llama-3.3-70b-versatile",
        "by its name",
    ),
    ("openai-compatible-mycorp", "gpt-4o", "openai/gpt-4o", "as openai sells it"),
    (
        "openai-compatible-mycorp",
        "team-a/gpt-4o",
        "openai/gpt-4o",
        "without the prefix “team-a/”, as openai sells it",
    ),
)
UNKNOWN = (
    ("codex", "gpt-5.3-codex-spark"),
    ("openai-compatible-mycorp", "my-llama"),
    ("openai-compatible-mycorp", "qwen3-coder-plus"),
    ("unknown", "unknown"),
    ("", ""),
    ("codex", "model-07"),
    ("codex", "/"),
    ("codex", "(high)"),
)


@pytest.mark.parametrize(("provider", "model", "reference", "how"), SPELLINGS)
def test_a_name_is_found_and_how_is_stated(provider, model, reference, how):
    found = match(shipped(), provider, model)
    assert found is not None
    assert (found.model.reference, str(found)) == (reference, how)


@pytest.mark.parametrize(("provider", "model"), UNKNOWN)
def test_what_is_not_known_is_not_guessed(provider, model):
    assert match(shipped(), provider, model) is None


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_is_a_name(provider, model):
    match(shipped(), provider, model)
