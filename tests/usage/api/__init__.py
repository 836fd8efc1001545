"""Tests of the JSON of usage."""
