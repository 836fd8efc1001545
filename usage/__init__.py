"""Collecting, storing and reading usage."""
