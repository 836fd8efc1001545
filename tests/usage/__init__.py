"""Tests of the usage app, in the folders of its packages."""
