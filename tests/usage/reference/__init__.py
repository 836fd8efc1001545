"""Tests of the reference dataset."""
