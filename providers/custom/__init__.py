"""Custom (OpenAI-compatible) providers: sharing, groups, order, discovery of their models."""
