"""Connecting a client: snippets with the models that an upstream serves, and trying them."""
