"""Texts that are recorded once, in English, and shown to each reader in their language."""
